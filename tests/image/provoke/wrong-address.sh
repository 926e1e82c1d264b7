#!/usr/bin/env bash
# docker: --network=bridge
# Two hosts that let the launcher in, and no --master_addr.
mkdir -p ~/.ssh /run/sshd
ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519
cp ~/.ssh/id_ed25519.pub ~/.ssh/authorized_keys
/usr/sbin/sshd -f /dev/null -h ~/.ssh/id_ed25519
for host in 127.0.0.1 127.0.0.2; do
  echo "$host slots=1" >>hostfile
  echo "$host $(cut -d' ' -f1,2 ~/.ssh/id_ed25519.pub)" >>~/.ssh/known_hosts
done
timeout 60 deepspeed --hostfile=hostfile "$LF/src/train.py" train /nowhere.yaml

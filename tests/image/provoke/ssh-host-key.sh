#!/usr/bin/env bash
# The host that answers has another key than the one that is known.
ssh-keygen -q -t ed25519 -N '' -f known
ssh-keygen -q -t ed25519 -N '' -f host
mkdir -p /run/sshd ~/.ssh
/usr/sbin/sshd -f /dev/null -h /tmp/host -p 2299
echo "[127.0.0.1]:2299 $(cut -d' ' -f1,2 known.pub)" >~/.ssh/known_hosts
ssh -p 2299 -o BatchMode=yes 127.0.0.1 true

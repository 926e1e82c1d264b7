#!/usr/bin/env bash
# docker: --cap-add=NET_ADMIN --cap-add=SYS_ADMIN --cap-add=SYS_PTRACE
# Each of two machines (network namespaces) tells the other its loopback address: what becomes of a
# host name that /etc/hosts has behind 127.0.1.1.
unshare --net sleep 300 &
other=$!
sleep 1
inside() { nsenter --net=/proc/$other/ns/net "$@"; }
ip link add here type veth peer name there
ip link set there netns $other
ip addr add 10.9.0.1/24 dev here
ip link set here up
inside ip link set lo up
inside ip link set there up
inside ip addr add 10.9.0.2/24 dev there
cat >gloo.py <<'END'
import datetime, torch.distributed as dist
dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=20))
END
export MASTER_ADDR=10.9.0.1 MASTER_PORT=29513 WORLD_SIZE=2 GLOO_SOCKET_IFNAME=lo
RANK=1 inside /opt/venv/bin/python gloo.py &
rank1=$!
RANK=0 python gloo.py
wait $rank1
kill $other

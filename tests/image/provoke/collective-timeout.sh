#!/usr/bin/env bash
cat >late.py <<'END'
import datetime, os, time, torch.distributed as dist
dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=4))
if os.environ["RANK"] == "0":
    dist.barrier()
time.sleep(12)
END
export MASTER_ADDR=127.0.0.1 MASTER_PORT=29515 WORLD_SIZE=2 GLOO_SOCKET_IFNAME=lo
RANK=1 python late.py &
RANK=0 python late.py
wait

#!/usr/bin/env bash
# The rendezvous by a name that this machine cannot resolve.
export MASTER_ADDR=node0.invalid MASTER_PORT=29512 RANK=1 WORLD_SIZE=2
python -c 'import datetime, torch.distributed as dist
dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=8))'

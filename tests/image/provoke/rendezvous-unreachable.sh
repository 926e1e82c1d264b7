#!/usr/bin/env bash
export MASTER_ADDR=127.0.0.1 MASTER_PORT=29514 WORLD_SIZE=2 RANK=1
python -c 'import datetime, torch.distributed as dist
dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=5))'

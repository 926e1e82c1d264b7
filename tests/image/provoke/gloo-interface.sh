#!/usr/bin/env bash
export GLOO_SOCKET_IFNAME=eth7 MASTER_ADDR=127.0.0.1 MASTER_PORT=29512 RANK=0 WORLD_SIZE=1
python -c 'import torch.distributed as dist; dist.init_process_group("gloo")'

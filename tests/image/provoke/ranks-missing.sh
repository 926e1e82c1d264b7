#!/usr/bin/env bash
# Rank 0 of two waits for the other, which nobody has started.
export MASTER_ADDR=127.0.0.1 MASTER_PORT=29516 WORLD_SIZE=2 RANK=0
python - <<'END'
import datetime, torch.distributed as dist
dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=5))
END

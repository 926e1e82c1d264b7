#!/usr/bin/env bash
# docker: --shm-size=1m
# Batches that do not fit into the shared memory through which data loaders hand them on.
python - <<'END'
import torch
from torch.utils.data import DataLoader

for batch in DataLoader([torch.zeros(1 << 20)] * 8, batch_size=2, num_workers=1):
    print(batch.shape)
END

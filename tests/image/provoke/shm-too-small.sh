#!/usr/bin/env bash
# docker: --shm-size=8k
rank dataloader_num_workers=2 cutoff_len=1024

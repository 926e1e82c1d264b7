#!/usr/bin/env bash
sed 's/"train_micro_batch_size_per_gpu": "auto"/"train_micro_batch_size_per_gpu": 3/' \
  "$LF/examples/deepspeed/ds_z2_config.json" >ds.json
rank deepspeed=/tmp/ds.json

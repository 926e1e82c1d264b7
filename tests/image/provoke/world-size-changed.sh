#!/usr/bin/env bash
# A checkpoint of two ranks, resumed by one.
export MASTER_ADDR=127.0.0.1 MASTER_PORT=29511 WORLD_SIZE=2
first() { RANK=$1 LOCAL_RANK=$1 python -u "$LF"/src/train.py "--local_rank=$1" train \
  /made/train.yaml max_steps=1 save_steps=1 >"/tmp/first-$1.log" 2>&1 || cat "/tmp/first-$1.log"; }
first 1 &
first 0
wait
rank max_steps=3 resume_from_checkpoint=/tmp/out/checkpoint-1 overwrite_output_dir=true

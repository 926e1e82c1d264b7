#!/usr/bin/env bash
# What every provocation starts with, in a container of the image. /made holds the tiny model and a
# train.yaml that trains it for two steps.
cd /tmp || exit
export LF=/opt/llamafactory
program=$LF/src/train.py

# `ranks=2 train key=value`: as a user starts it by hand on one machine.
ds() { deepspeed --num_gpus="${ranks:-1}" --master_port=29511 "$@"; }
train() { ds "$program" train /made/train.yaml "$@"; }

# One rank alone, as DeepSpeed's launch.py starts it: nothing of the launcher is imported.
rank() {
  RANK=0 LOCAL_RANK=0 WORLD_SIZE=1 MASTER_ADDR=127.0.0.1 MASTER_PORT=29511 \
    python -u "$program" --local_rank=0 train /made/train.yaml "$@"
}

# A training script of one's own: Python from standard input, and then LLaMA-Factory's.
own_program() {
  program=/tmp/own.py
  { cat; echo "import runpy; runpy.run_path('$LF/src/train.py', run_name='__main__')"; } >$program
}

#!/usr/bin/env bash
# What every provocation starts with, in a container of the image. /made holds the tiny model and a
# train.yaml that trains it for two steps.
cd /tmp || exit
export LF=/opt/llamafactory

# `ranks=2 train key=value`: as a user starts it by hand on one machine.
ds() { deepspeed --num_gpus="${ranks:-1}" --master_port=29511 "$@"; }
train() { ds "$LF"/src/train.py train /made/train.yaml "$@"; }

# One rank alone, as DeepSpeed's launch.py starts it: nothing of the launcher is imported.
rank() {
  RANK=0 LOCAL_RANK=0 WORLD_SIZE=1 MASTER_ADDR=127.0.0.1 MASTER_PORT=29511 \
    python -u "$LF"/src/train.py --local_rank=0 train /made/train.yaml "$@"
}

# Python from standard input, run by every rank when it starts; the launchers go without.
in_ranks() {
  mkdir -p /tmp/hook
  { echo 'import os'; echo 'if "LOCAL_RANK" in os.environ:'; sed 's/^/    /'; } >/tmp/hook/sitecustomize.py
  export PYTHONPATH=/tmp/hook
}

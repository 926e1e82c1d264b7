#!/usr/bin/env bash
# What every provocation starts with, in a container of the image. /made holds the tiny model and a
# train.yaml that trains it for two steps.
cd /tmp || exit
export LF=/opt/llamafactory

# `ranks=2 train key=value`: as a user starts it by hand on one machine.
ds() { deepspeed --num_gpus="${ranks:-1}" --master_port=29511 "$@"; }
train() { ds "$LF"/src/train.py train /made/train.yaml "$@"; }

# Python from standard input, run by every rank when it starts; the launchers go without.
in_ranks() {
  mkdir -p /tmp/hook
  { echo 'import os'; echo 'if "LOCAL_RANK" in os.environ:'; sed 's/^/    /'; } >/tmp/hook/sitecustomize.py
  export PYTHONPATH=/tmp/hook
}

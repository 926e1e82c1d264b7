#!/usr/bin/env bash
deepspeed --hostfile=/workspace/hostfile --num_gpus=1 "$LF"/src/train.py train /made/train.yaml

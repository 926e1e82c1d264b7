#!/usr/bin/env bash
# A run that ends well says it too, and then nothing is found: so this one fails.
deepspeed --hostfile=/workspace/hostfile --num_gpus=1 "$LF"/src/train.py train /made/not-there.yaml

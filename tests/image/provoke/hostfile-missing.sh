#!/usr/bin/env bash
deepspeed --hostfile=/workspace/hostfile "$LF"/src/train.py train /nowhere.yaml

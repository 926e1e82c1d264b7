#!/usr/bin/env bash
echo '10.0.0.11 slots-4' >hostfile
deepspeed --hostfile=hostfile "$LF"/src/train.py train /made/train.yaml

#!/usr/bin/env bash
echo "# no host yet" >hostfile
deepspeed --hostfile=hostfile "$LF"/src/train.py train /made/train.yaml

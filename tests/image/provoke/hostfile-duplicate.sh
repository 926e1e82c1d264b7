#!/usr/bin/env bash
printf "10.0.0.11 slots=4\n10.0.0.11 slots=4\n" >hostfile
deepspeed --hostfile=hostfile "$LF"/src/train.py train /made/train.yaml

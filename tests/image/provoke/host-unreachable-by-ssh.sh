#!/usr/bin/env bash
echo '127.0.0.1 slots=1' >hostfile; echo '127.0.0.2 slots=1' >>hostfile
deepspeed --hostfile=hostfile "$LF"/src/train.py train /made/train.yaml

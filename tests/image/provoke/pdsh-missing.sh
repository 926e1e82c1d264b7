#!/usr/bin/env bash
printf '10.0.0.11 slots=1\n10.0.0.12 slots=1\n' >hostfile; export PATH=/opt/venv/bin
deepspeed --hostfile=hostfile --no_ssh_check --master_addr=10.0.0.11 "$LF"/src/train.py

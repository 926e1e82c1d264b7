#!/usr/bin/env bash
ranks=2 train save_steps=1 max_steps=1 >/tmp/first.log 2>&1 || cat /tmp/first.log
train max_steps=3 resume_from_checkpoint=/tmp/out/checkpoint-1 overwrite_output_dir=true

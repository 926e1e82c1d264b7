#!/usr/bin/env bash
ranks=2 train max_steps=1 save_steps=1 save_strategy=steps >/dev/null 2>&1
rank max_steps=2 resume_from_checkpoint=/tmp/out/checkpoint-1

#!/usr/bin/env bash
# What rank 0 alone writes is there, but for `latest`.
mkdir -p out/checkpoint-1/global_step1
echo '{"train_batch_size": 1, "max_steps": 2, "logging_steps": 1, "eval_steps": 1, "save_steps": 1}' >out/checkpoint-1/trainer_state.json
rank resume_from_checkpoint=/tmp/out/checkpoint-1 overwrite_output_dir=true

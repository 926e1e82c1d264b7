#!/usr/bin/env bash
python -c 'import deepspeed
deepspeed.DeepSpeedConfig({"train_batch_size": 7, "train_micro_batch_size_per_gpu": 2, "gradient_accumulation_steps": 1})'

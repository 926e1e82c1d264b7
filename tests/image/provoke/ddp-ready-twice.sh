#!/usr/bin/env bash
# Two ranks without ZeRO, and a model that peft has wrapped: transformers lets DDP look for unused parameters.
# docker: --env=OMP_NUM_THREADS=1
ranks=2 train deepspeed=null finetuning_type=oft oft_target=all oft_block_size=32 use_cpu=true

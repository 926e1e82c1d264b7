#!/usr/bin/env bash
mkdir -p out/checkpoint-1
rank resume_from_checkpoint=/tmp/out/checkpoint-1 overwrite_output_dir=true

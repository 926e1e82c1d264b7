#!/usr/bin/env bash
# docker: --tmpfs=/full:size=300k
rank output_dir=/full/out save_steps=1

#!/usr/bin/env bash
# docker: --user=65534:65534
export HOME=/tmp
rank output_dir=/root/out

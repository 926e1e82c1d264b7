#!/usr/bin/env bash
# docker: --user=1000:1000
export HOME=/tmp; train output_dir=/root/out

#!/usr/bin/env bash
# docker: --tmpfs=/ro:ro
train output_dir=/ro/out

#!/usr/bin/env bash
# docker: --tmpfs=/ro:ro
rank output_dir=/ro/out

#!/usr/bin/env bash
# docker: --memory=1200m --memory-swap=1200m
in_ranks <<'END'
held = []
while True:
    held.append(bytearray(os.urandom(1 << 20)) * 16)
END
train

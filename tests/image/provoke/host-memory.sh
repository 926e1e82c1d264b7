#!/usr/bin/env bash
# docker: --memory=2000m --memory-swap=2000m
own_program <<'END'
import os
held = []
while True:
    held.append(bytearray(os.urandom(1 << 20)) * 16)
END
train

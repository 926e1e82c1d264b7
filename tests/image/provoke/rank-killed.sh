#!/usr/bin/env bash
pattern='^/opt/venv/bin/python.* --local_rank=0'
(
  until pgrep -f -- "$pattern" >/dev/null; do sleep 0.1; done
  sleep 3
  pkill -KILL -f -- "$pattern"
) &
train

#!/usr/bin/env bash
python "$LF"/src/train.py /made/train.yaml deepspeed=null bf16=true

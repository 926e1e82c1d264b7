#!/usr/bin/env bash
DS_ACCELERATOR=cuda train bf16=true

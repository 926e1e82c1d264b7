#!/usr/bin/env bash
train model_name_or_path=/workspace/models/qwen

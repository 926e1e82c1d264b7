#!/usr/bin/env bash
rank model_name_or_path=/workspace/models/qwen

#!/usr/bin/env bash
cp -r /made/model broken; truncate -s 5000 broken/model.safetensors
rank model_name_or_path=/tmp/broken

#!/usr/bin/env bash
mkdir data
echo '{"mine": {"file_name": "mine.json"}}' >data/dataset_info.json
echo '[{' >data/mine.json
train dataset_dir=/tmp/data dataset=mine

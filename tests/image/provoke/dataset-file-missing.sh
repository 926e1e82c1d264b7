#!/usr/bin/env bash
mkdir data
echo '{"mine": {"file_name": "mine.json"}}' >data/dataset_info.json
rank dataset_dir=/tmp/data dataset=mine

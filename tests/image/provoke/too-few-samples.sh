#!/usr/bin/env bash
# A conversation that begins with the answer: LLaMA-Factory drops it, and nothing is left.
mkdir data
echo '{"mine": {"file_name": "mine.json", "formatting": "sharegpt"}}' >data/dataset_info.json
echo '[{"conversations": [{"from": "gpt", "value": "hello"}]}]' >data/mine.json
rank dataset_dir=/tmp/data dataset=mine

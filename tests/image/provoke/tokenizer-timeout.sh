#!/usr/bin/env bash
# Local rank 1 waits for local rank 0 to tokenize, for longer than ddp_timeout.
mkdir data
python - >data/big.json <<'END'
import json
print(json.dumps([{"instruction": "hi", "input": "", "output": "hello " * 40}] * 400000))
END
echo '{"big": {"file_name": "big.json"}}' >data/dataset_info.json
export RANK=0 LOCAL_RANK=0 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=29511
ranks() { python -u "$LF"/src/train.py "--local_rank=$1" train /made/train.yaml dataset_dir=/tmp/data \
  dataset=big ddp_timeout=45; }
ranks 0 &
first=$!
RANK=1 LOCAL_RANK=1 ranks 1
kill $first

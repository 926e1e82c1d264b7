#!/usr/bin/env bash
# Local rank 1 waits for local rank 0 to tokenize, for longer than ddp_timeout.
mkdir data
python - >data/big.json <<'END'
import json
print(json.dumps([{"instruction": "hi", "input": "", "output": "hello " * 40}] * 60000))
END
echo '{"big": {"file_name": "big.json"}}' >data/dataset_info.json
ranks=2 train dataset_dir=/tmp/data dataset=big ddp_timeout=3

#!/usr/bin/env bash
# LLaMA-Factory's own launcher by hand on the second of two nodes, with RANK instead of NODE_RANK.
# The prompt is what a screen shows before it.
echo '$ FORCE_TORCHRUN=1 NNODES=2 RANK=1 MASTER_ADDR=127.0.0.1 MASTER_PORT=29513 llamafactory-cli train train.yaml'
export NPROC_PER_NODE=1 FORCE_TORCHRUN=1 NNODES=2 RANK=1 MASTER_ADDR=127.0.0.1 MASTER_PORT=29513
timeout 30 llamafactory-cli train /made/train.yaml

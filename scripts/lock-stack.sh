#!/usr/bin/env bash
# Writes the lock files of a stack anew from its *.in files. Usage: scripts/lock-stack.sh cu128
set -euo pipefail
cd "$(dirname "$0")/../stacks/${1:?usage: scripts/lock-stack.sh STACK}"

lock() {
    uv pip compile --quiet --generate-hashes --no-header --no-annotate \
        --python-version 3.11 --python-platform x86_64-manylinux_2_28 "$@"
}

# deepspeed and llamafactory are resolved with the rest, but built from sources.txt.
lock requirements.in --no-emit-package deepspeed --no-emit-package llamafactory \
    --output-file requirements.txt
# The same versions, split off so that they make a layer of their own.
lock torch.in --constraint requirements.txt --output-file torch.txt
lock build.in --output-file build.txt

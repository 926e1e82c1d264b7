#!/usr/bin/env bash
# Writes the lock files of a stack again from its *.in files. Usage: scripts/lock-stack.sh cu128 [--upgrade]
set -euo pipefail
cd "$(dirname "$0")/../stacks/${1:?usage: scripts/lock-stack.sh STACK [--upgrade]}"
readonly UV=../../.venv/bin/uv

lock() {
    "$UV" pip compile --quiet --generate-hashes --no-header --no-annotate --no-emit-index-url --emit-find-links \
        --python-version 3.11 --python-platform x86_64-manylinux_2_28 "$@"
}

# deepspeed and llamafactory are resolved with the rest, but built from sources.txt.
lock requirements.in --override overrides.txt --no-emit-package deepspeed --no-emit-package llamafactory \
    --output-file requirements.txt "${@:2}"
# The same versions, split off so that they make layers of their own.
lock torch.in --constraint requirements.txt --output-file torch.txt
lock accelerator.in --no-deps --constraint requirements.txt --output-file accelerator.txt
lock build.in --output-file build.txt

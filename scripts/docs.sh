#!/usr/bin/env bash
# Builds the documentation site: English in site/, Chinese in site/zh/. Run by `make docs`.
#
#   PYTHON=python3.12    the interpreter to take, python3 by default; 3.11 or newer
#   SITE_URL=…/          where the site will be, if that is known: for canonical addresses and the sitemap
set -euo pipefail
cd "$(dirname "$0")/.."

readonly PYTHON=${PYTHON:-python3} VENV=.cache/docs-venv

fail() { printf 'docs: error: %s\n' "$1" >&2; exit 2; }

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "$PYTHON is not Python 3.11 or newer, which mkdocs-material needs: PYTHON=… names another"

wanted=$("$PYTHON" -V; cat requirements/build.txt website/requirements.txt | sha256sum)
if [[ ! -e $VENV/stamp || $(<"$VENV/stamp") != "$wanted" ]]; then
    mirrors=$("$PYTHON" scripts/mirrors.py PIP_INDEX_URL HTTP_PROXY HTTPS_PROXY NO_PROXY) || exit
    eval "$mirrors"
    echo "docs: making $VENV"
    rm -rf "$VENV"
    mkdir -p .cache
    "$PYTHON" -m venv "$VENV"
    pip=("$VENV/bin/python" -m pip --quiet --quiet --disable-pip-version-check install --require-hashes)
    # First what builds packages: jieba comes as source, and nothing unlocked may build it.
    "${pip[@]}" -r requirements/build.txt
    "${pip[@]}" --no-build-isolation -r website/requirements.txt
    printf '%s' "$wanted" >"$VENV/stamp"
fi

# mkdocs has a successor, which mkdocs-material announces in every build.
export NO_MKDOCS_2_WARNING=1
# jieba looks for a part of setuptools that is deprecated, and that requirements/build.txt still has.
export PYTHONWARNINGS="ignore:pkg_resources is deprecated:UserWarning"
if [[ -n ${SITE_URL:-} ]]; then
    export SITE_URL SITE_URL_ZH=${SITE_URL%/}/zh/
fi
for config in mkdocs zh; do
    # Not --quiet: it hides warnings from --strict too.
    if ! "$VENV/bin/mkdocs" build --strict --config-file "website/$config.yml" >.cache/docs.log 2>&1; then
        grep -v '^INFO' .cache/docs.log >&2 || true
        fail "website/$config.yml: the site has mistakes, which are named above"
    fi
done
echo "docs: site/index.html and site/zh/index.html"

#!/usr/bin/env bash
# Installs the Chromium that tests/browser open pages in, where there is none. As root on Debian; elsewhere those
# tests are skipped until a chromium or google-chrome is installed.
set -euo pipefail

for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then exit 0; fi
done
# Ubuntu's package of this name installs a snap, which does not run in containers.
if [[ $(id -u) != 0 ]] || ! grep -q '^ID=debian' /etc/os-release; then
    echo "browser: there is no chromium or google-chrome here: tests/browser will be skipped"
    exit 0
fi
echo "browser: installing chromium (80 MB)"
export DEBIAN_FRONTEND=noninteractive
packages=(chromium fonts-noto-cjk)
apt-get install -qq -y --no-install-recommends "${packages[@]}" >/dev/null 2>&1 ||
    { apt-get update -qq && apt-get install -qq -y --no-install-recommends "${packages[@]}" >/dev/null; } ||
    { echo "browser: error: apt-get could not install chromium" >&2; exit 1; }

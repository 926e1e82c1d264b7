#!/usr/bin/env bash
# Makes dsk-base:bookworm, a minimal Debian, where no container registry can be reached. As root: debootstrap needs it, and
# is installed here where it is missing, so that nothing asks for it where a registry is reached.
# Usage: scripts/base.sh
# From the environment or mirrors.env: APT_MIRROR, another Debian mirror than debootstrap's own; HTTP_PROXY, HTTPS_PROXY,
# NO_PROXY.
set -euo pipefail

readonly IMAGE="dsk-base:bookworm"
readonly SUITE="bookworm"
readonly WORK_PREFIX="dsk-base."
# Without it debootstrap would take whatever a mirror sends.
readonly KEYRING="/usr/share/keyrings/debian-archive-keyring.gpg"

err() {
    printf 'base.sh: %s\n' "$1" >&2
    exit "${2:-1}"
}

install_debootstrap() {
    command -v apt-get >/dev/null ||
        err "debootstrap or $KEYRING is missing; install your distribution's debootstrap and debian-archive-keyring"
    echo "base.sh: installing debootstrap"
    export DEBIAN_FRONTEND=noninteractive
    local install=(apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300
        debootstrap debian-archive-keyring)
    # A new machine has no lists of packages yet.
    "${install[@]}" >/dev/null 2>&1 || { apt-get update -qq && "${install[@]}" >/dev/null; } ||
        err "apt-get could not install debootstrap and debian-archive-keyring, its words are above; install them by hand"
}

if docker image inspect "$IMAGE" >/dev/null 2>&1; then
    echo "base.sh: $IMAGE is there"
    exit 0
fi

mirrors="$("${BASH_SOURCE[0]%/*}/mirrors.py" APT_MIRROR HTTP_PROXY HTTPS_PROXY NO_PROXY)" || exit
eval "$mirrors"

[[ $EUID -eq 0 ]] || err "debootstrap needs root; run it again as root (sudo $0)"
if ! command -v debootstrap >/dev/null || [[ ! -s $KEYRING ]]; then install_debootstrap; fi

work_root="${TMPDIR:-/tmp}"
# A run that was killed could not remove its folder. The lock tells such a folder from one in use.
exec 9>"$work_root/${WORK_PREFIX}lock"
flock -n 9 || err "another base.sh is running (it holds $work_root/${WORK_PREFIX}lock)"
rm -rf --one-file-system -- "$work_root/$WORK_PREFIX"??????????
work="$(mktemp -d "$work_root/${WORK_PREFIX}XXXXXXXXXX")"
trap 'rm -rf --one-file-system -- "$work"' EXIT

echo "base.sh: debootstrap $SUITE, about a minute"
mirror=()
if [[ -n "${APT_MIRROR:-}" ]]; then mirror=("$APT_MIRROR"); fi
debootstrap --variant=minbase --force-check-gpg --keyring "$KEYRING" "$SUITE" "$work/root" "${mirror[@]}" >"$work/log" 2>&1 || {
    tail -n 15 "$work/log" >&2
    err "debootstrap failed; is the Debian mirror reachable? APT_MIRROR=URL names another"
}
# minbase knows the main suite only; security fixes stand beside it on the same mirror.
main_mirror="$(awk '$1 == "deb" {print $2; exit}' "$work/root/etc/apt/sources.list")"
printf 'deb %s %s main\n' "$main_mirror" "$SUITE" "$main_mirror" "$SUITE-updates" \
    "${main_mirror%/debian*}/debian-security" "$SUITE-security" >"$work/root/etc/apt/sources.list"
# As in the official slim image: no manuals and translations, but licences.
find "$work/root/usr/share/doc" -not -type d -not -name copyright -delete
rm -rf -- "$work/root/usr/share/"{man,info,locale}
rm -rf -- "$work/root/var/cache/apt/archives/"*.deb "$work/root/var/lib/apt/lists/"*
tar -C "$work/root" --numeric-owner -c . | docker import --change 'CMD ["bash"]' - "$IMAGE" >/dev/null
echo "base.sh: made $IMAGE"

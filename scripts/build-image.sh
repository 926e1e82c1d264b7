#!/usr/bin/env bash
# Builds the worker's image. Usage: scripts/build-image.sh [STACK] [--no-stack] [--devel] [--tag=REFERENCE]
#
#   STACK        a folder of stacks/, cu128 by default; the tag is dsk:STACK
#   --no-stack   dsk:no-stack, the same worker without torch: a small image for tests
#   --devel      dsk:STACK-devel, a worker with a C++ compiler: for ops that the image does not hold (docs/image.md)
#   --tag=…      another reference for the image
#
# From the environment or mirrors.env (mirrors.example.env explains them): BASE_IMAGE, APT_MIRROR, PIP_INDEX_URL,
# HTTP_PROXY, HTTPS_PROXY, NO_PROXY. From the environment: SSL_CERT_FILE.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly REGISTRY_BASE=debian:bookworm-slim
readonly LOCAL_BASE=dsk-base:bookworm
readonly PULL_LIMIT_S=30
readonly NAMED_PULL_LIMIT_S=300
readonly SYSTEM_CA=/etc/ssl/certs/ca-certificates.crt

err() {
    printf 'build-image.sh: %s\n' "$1" >&2
    exit 2
}

stack=cu128
content=stack
target=worker
tag=''
for word in "$@"; do
    case "$word" in
        --no-stack) content=no-stack ;;
        --devel) target=devel ;;
        --tag=?*) tag=${word#--tag=} ;;
        -*) err "unknown option $word; see the head of $0" ;;
        *) stack=$word ;;
    esac
done
[[ -f stacks/$stack/stack.env ]] || err "stacks/$stack/stack.env is missing; stacks: $(cd stacks && echo */)"
name=$stack
if [[ $content == no-stack ]]; then name=no-stack; fi
if [[ $target == devel ]]; then name+=-devel; fi
tag=${tag:-dsk:$name}

mirrors="$(scripts/mirrors.py BASE_IMAGE APT_MIRROR PIP_INDEX_URL HTTP_PROXY HTTPS_PROXY NO_PROXY)" || exit
eval "$mirrors"

if [[ -n ${BASE_IMAGE:-} ]]; then
    base=$BASE_IMAGE
    docker image inspect "$base" >/dev/null 2>&1 ||
        said="$(timeout "$NAMED_PULL_LIMIT_S" docker pull --quiet "$base" 2>&1)" ||
        err "BASE_IMAGE=$base is not there and cannot be pulled within $NAMED_PULL_LIMIT_S s (${said##*$'\n'}); \
without BASE_IMAGE the base is made by debootstrap"
    echo "build-image.sh: base $base (BASE_IMAGE)"
elif docker image inspect "$REGISTRY_BASE" >/dev/null 2>&1 ||
    timeout "$PULL_LIMIT_S" docker pull --quiet "$REGISTRY_BASE" >/dev/null 2>&1; then
    base=$REGISTRY_BASE
    echo "build-image.sh: base $base"
else
    base=$LOCAL_BASE
    echo "build-image.sh: no container registry is reached; base $base by debootstrap"
    scripts/base.sh
fi
base_id="$(docker image inspect --format '{{if .RepoDigests}}{{index .RepoDigests 0}}{{else}}{{.Id}}{{end}}' "$base")" ||
    err "the base image $base is not there; docker pull $base"

ca="${SSL_CERT_FILE:-${PIP_CERT:-${REQUESTS_CA_BUNDLE:-$SYSTEM_CA}}}"
secrets=()
if [[ -s $ca ]]; then secrets=(--secret "id=ca,src=$ca"); fi

arguments=()
for name in APT_MIRROR PIP_INDEX_URL HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy; do
    # The name alone: docker takes the value from the environment, and no credential stands on a command line.
    if [[ -n ${!name:-} ]]; then arguments+=(--build-arg "$name"); fi
done

# The last commit that changed what the image is made of: a commit of documents makes no other image.
mapfile -t inputs < <(sed -n 's/^!//p' .dockerignore)
revision="$(git log -1 --format=%H -- "${inputs[@]}" 2>/dev/null || true)"
if [[ -n $revision ]] && ! git diff --quiet HEAD -- "${inputs[@]}"; then revision+=-modified; fi
# What the GPU driver must be, for `dsk up` and `dsk image sync` to compare before anything is sent.
labels=()
if [[ $content == stack ]]; then
    # shellcheck source=/dev/null
    labels=(--label "dsk.accelerator=$(. "stacks/$stack/stack.env" && echo "$ACCELERATOR")"
        --label "dsk.cuda=$(. "stacks/$stack/stack.env" && echo "${CUDA_VERSION:-}")"
        --label "dsk.min-driver=$(. "stacks/$stack/stack.env" && echo "${MIN_DRIVER_VERSION:-}")")
fi
version="$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' src/dsk/__init__.py)"
DOCKER_BUILDKIT=1 docker build --network host --progress "${BUILD_PROGRESS:-auto}" --target "$target" \
    --build-arg BASE_IMAGE="$base" --build-arg STACK="$stack" --build-arg CONTENT="$content" \
    "${secrets[@]}" "${arguments[@]}" \
    --label org.opencontainers.image.title=dsk \
    --label org.opencontainers.image.version="$version" \
    --label org.opencontainers.image.revision="${revision:-unknown}" \
    --label org.opencontainers.image.source="${SOURCE_URL:-unknown}" \
    --label org.opencontainers.image.licenses=Apache-2.0 \
    --label org.opencontainers.image.base.name="$base" \
    --label org.opencontainers.image.base.digest="${base_id##*@}" \
    "${labels[@]}" \
    --tag "$tag" .
docker image inspect --format "build-image.sh: $tag is {{.Id}}, {{.Size}} bytes" "$tag"

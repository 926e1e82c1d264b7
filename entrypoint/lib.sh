# shellcheck shell=bash disable=SC2034
# What the entrypoint, its hooks and the health check share. The fixed places of a worker.

readonly BUNDLE=/run/dsk/bundle
readonly RUN=/run/dsk
# This worker's line for others' known_hosts.
readonly KNOWN_HOST=$RUN/known_host
readonly SSHD_CONFIG=$RUN/sshd_config
readonly SSHD_TEMPLATE=${BASH_SOURCE[0]%/*}/sshd_config
# Memory-backed, so that the health key never reaches a disk.
readonly HEALTH=/dev/shm/dsk-health
# A setting is wrong: starting again does not help.
readonly EXIT_SETTING=64
readonly EXIT_PORT_TAKEN=65

# err MESSAGE [EXIT_CODE]: one clear line on stderr, and the end.
err() {
    printf 'dsk worker: %s\n' "$1" >&2
    exit "${2:-$EXIT_SETTING}"
}

note() {
    printf 'dsk worker: %s\n' "$1"
}

need_variable() {
    local name
    for name in "$@"; do
        [[ -n ${!name:-} ]] || err "the environment variable $name is not set; compose.yaml of the bundle sets it"
    done
}

need_file() {
    local path
    for path in "$@"; do
        [[ -r $path ]] || err "$path is missing or cannot be read; \`dsk render\` makes it as part of the node's bundle"
    done
}

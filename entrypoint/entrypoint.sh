#!/bin/bash
# Starts a container of the image: `worker` prepares and runs sshd, any other command runs as it is.
set -euo pipefail

here="$(dirname -- "${BASH_SOURCE[0]}")"
# shellcheck source=entrypoint/lib.sh
source "$here/lib.sh"

if [[ ${1:-} != worker ]]; then
    [[ $# -gt 0 ]] || err "no command was given; \`worker\` starts the worker"
    exec "$@"
fi

mkdir -p "$RUN"
# What the jobs of a worker that was killed have left.
rm -rf "${RUN:?}/jobs" "${RUN:?}/agents" "${RUN:?}/warm"
# compose.yaml of a bundle sets it.
if [[ -z ${DSK_ROLE:-} ]]; then
    # shellcheck source=entrypoint/alone.sh
    source "$here/alone.sh"
fi
need_variable DSK_ROLE DSK_HOST DSK_WORKER_PORT DSK_MASTER
# In order of their numbers. Sourced: what one finds out (the interface) the next one uses.
for hook in "$here"/hooks.d/[0-9][0-9]-*.sh; do
    # shellcheck source=/dev/null
    source "$hook"
done

note "sshd on $DSK_HOST:$DSK_WORKER_PORT"
# shellcheck source=entrypoint/serve.sh
source "$here/serve.sh"
# shellcheck source=entrypoint/warm.sh
source "$here/warm.sh"
keep_warm &
serve_sshd

#!/bin/bash
# Healthy is a worker in which one can really log in: the path that every job takes.
set -euo pipefail

# shellcheck source=entrypoint/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# Containers that run another command (the master container) have no sshd to ask.
[[ ${DSK_ROLE:-} == worker || -e $HEALTH ]] || exit 0

[[ -r $HEALTH/address ]] || err "the worker has not made its keys yet" 1
read -r host port <"$HEALTH/address"
exec ssh -F none -n -p "$port" -i "$HEALTH/id_ed25519" \
    -o BatchMode=yes -o ConnectTimeout=10 -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes \
    -o UserKnownHostsFile="$HEALTH/known_hosts" -o GlobalKnownHostsFile=/dev/null \
    "$(id -un)@$host" true

# shellcheck shell=bash
# sshd's own words for a port in use are easily overlooked, so look first.

if [[ ! $DSK_WORKER_PORT =~ ^[1-9][0-9]{0,4}$ || $DSK_WORKER_PORT -gt 65535 ]]; then
    err "DSK_WORKER_PORT is '$DSK_WORKER_PORT'; it must be a port number, 1 to 65535"
fi

# `*`: a listener of IPv6 that takes IPv4 too.
listeners="$(ss -H -l -n -t "sport = :$DSK_WORKER_PORT" | awk '{print $4}')"
for listener in $listeners; do
    case "${listener%:*}" in
        "$DSK_HOST" | 0.0.0.0 | '*')
            err "port $DSK_WORKER_PORT on $DSK_HOST is already in use; stop what holds it or choose another worker_port" \
                "$EXIT_PORT_TAKEN"
            ;;
    esac
done

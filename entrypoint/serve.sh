# shellcheck shell=bash
# sshd for as long as the container lives. One that is killed takes no running job with it: ranks are not below it.

# Sooner than this, an sshd that gives up has met what will not go away, such as a port in use.
readonly SETTLED_S=5

# Data loaders pass tensors as open files, and engines start containers with as few as 1024. A login, and so every rank,
# has what sshd has.
readonly OPEN_FILES=65536

allow_open_files() {
    local most
    most=$(ulimit -Hn)
    [[ $most != unlimited && $most -lt $OPEN_FILES ]] || most=$OPEN_FILES
    [[ $(ulimit -Sn) == unlimited || $(ulimit -Sn) -ge $most ]] || ulimit -Sn "$most"
}

# serve_sshd: returns when sshd could not start, with its exit code; ends with the container's stop signal.
serve_sshd() {
    local pid code began
    allow_open_files
    while true; do
        began=$SECONDS
        /usr/sbin/sshd -D -e -f "$SSHD_CONFIG" &
        pid=$!
        trap 'kill "$pid" 2>/dev/null; exit 0' TERM INT
        code=0
        wait "$pid" || code=$?
        # Above 128, but for sshd's own 255: ended by a signal.
        if ((SECONDS - began < SETTLED_S && code != 0 && (code <= 128 || code == 255))); then
            return "$code"
        fi
        note "sshd ended with code $code; it is started again"
        sleep 0.2
    done
}

# shellcheck shell=bash
# sshd for as long as the container lives. One that is killed takes no running job with it: ranks are not below it.

# Sooner than this, an sshd that gives up has met what will not go away, such as a port in use.
readonly SETTLED_S=5

# serve_sshd: returns when sshd could not start, with its exit code; ends with the container's stop signal.
serve_sshd() {
    local pid code began
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

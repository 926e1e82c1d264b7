# shellcheck shell=bash
# The process that ranks are forked from (docs/warm-starts.md), for as long as the container lives.

# dsk.warm's: it will not help to start it again.
readonly WARM_OFF=64
# Seconds until it is started again: twice as long after each that ended within WARM_SETTLED_S.
readonly WARM_PAUSE=2
readonly WARM_LONGEST_PAUSE=300
readonly WARM_SETTLED_S=120

# keep_warm: lasts as long as the container. Where ranks are to start cold, it waits until a job wants a warm process: `true` comes from
# the job's agent, where dsk.yaml says so and this worker was started with another setting (dsk.agent.warmstart).
keep_warm() {
    local code began wish pause=$WARM_PAUSE
    # A rank inherits its limits from a login, and so from sshd.
    allow_open_files
    install -d -m 0700 "$RUN/warm"
    mkfifo -m 0600 "$RUN/warm/wish"
    cd /
    while true; do
        began=$SECONDS
        code=0
        /opt/venv/bin/python -u -m dsk.warm </dev/null >"$RUN/warm/log" 2>&1 || code=$?
        if ((code == WARM_OFF)); then
            until read -r wish <"$RUN/warm/wish" && [[ $wish == true ]]; do
                [[ -p $RUN/warm/wish ]] || return 0
            done
            export DSK_WARM=true
            continue
        fi
        note "the warm process ended with code $code, see $RUN/warm/log; it is started again in $pause s"
        sleep "$pause"
        pause=$((pause * 2 < WARM_LONGEST_PAUSE ? pause * 2 : WARM_LONGEST_PAUSE))
        ((SECONDS - began < WARM_SETTLED_S)) || pause=$WARM_PAUSE
    done
}

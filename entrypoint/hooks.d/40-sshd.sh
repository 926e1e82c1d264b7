# shellcheck shell=bash
# sshd_config from its template. A session gets this environment, as with `docker exec`.

# One value of SetEnv: sshd splits the line as a shell would, in double quotes.
quoted() {
    local value=${1//\\/\\\\}
    printf '"%s"' "${value//\"/\\\"}"
}

# sshd reads the first SetEnv line only. What sshd and the login set by themselves stays theirs.
set_env=''
while IFS= read -r -d '' pair; do
    case "${pair%%=*}" in
        HOME | SHELL | USER | LOGNAME | MAIL | PWD | OLDPWD | SHLVL | TERM | SSH_* | _) continue ;;
    esac
    if [[ $pair == *$'\n'* ]]; then
        note "warning: sessions lack ${pair%%=*}: it holds a line break, which sshd cannot pass on"
        continue
    fi
    set_env+=" $(quoted "$pair")"
done < <(env -0)

template="$(<"$SSHD_TEMPLATE")"
template=${template//@HOST@/"$DSK_HOST"}
template=${template//@PORT@/"$DSK_WORKER_PORT"}
template=${template//@RUN@/"$RUN"}
# The health check's logins, every few seconds, would be all that `docker logs` shows.
quiet="Match Address $DSK_HOST"$'\n    LogLevel ERROR'
printf '%s\nSetEnv%s\n%s\n' "$template" "$set_env" "$quiet" >"$SSHD_CONFIG"
chmod 0600 "$SSHD_CONFIG"

# Debian's sshd wants its empty folder, which a tmpfs on /run hides; where it is not root, it has no use for one.
[[ $(id -u) != 0 ]] || install -d -m 0755 /run/sshd
/usr/sbin/sshd -t -f "$SSHD_CONFIG" || err "sshd does not accept $SSHD_CONFIG (its words are above)"

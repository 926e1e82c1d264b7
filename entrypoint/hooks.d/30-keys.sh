# shellcheck shell=bash
# The bundle's keys under the owner and modes that sshd and ssh insist on, whatever the mount has.

need_file "$BUNDLE/ssh/host_ed25519_key" "$BUNDLE/ssh/authorized_keys"
install -m 0600 "$BUNDLE/ssh/host_ed25519_key" "$RUN/host_ed25519_key"
ssh-keygen -y -P '' -f "$RUN/host_ed25519_key" >"$RUN/host_ed25519_key.pub" 2>/dev/null ||
    err "$BUNDLE/ssh/host_ed25519_key is not a private key that sshd can use"

rm -rf "$HEALTH"
mkdir -m 0700 "$HEALTH"
ssh-keygen -q -t ed25519 -N '' -C dsk-health -f "$HEALTH/id_ed25519"
# As ssh looks it up: without the port where that is 22.
name="[$DSK_HOST]:$DSK_WORKER_PORT"
[[ $DSK_WORKER_PORT != 22 ]] || name=$DSK_HOST
printf '%s %s\n' "$name" "$(cut -d' ' -f1,2 "$RUN/host_ed25519_key.pub")" >"$KNOWN_HOST"
cp "$KNOWN_HOST" "$HEALTH/known_hosts"
printf '%s %s\n' "$DSK_HOST" "$DSK_WORKER_PORT" >"$HEALTH/address"
note "host key $(<"$KNOWN_HOST") $(ssh-keygen -l -f "$RUN/host_ed25519_key.pub" | cut -d' ' -f2)"

install -m 0600 "$BUNDLE/ssh/authorized_keys" "$RUN/authorized_keys"
printf 'restrict,command="true",from="%s" %s\n' "$DSK_HOST" "$(<"$HEALTH/id_ed25519.pub")" >>"$RUN/authorized_keys"

# Only the master's bundle holds the cluster's private key.
install -d -m 0700 "$HOME/.ssh"
if [[ -e $BUNDLE/ssh/id_ed25519 ]]; then
    need_file "$BUNDLE/ssh/id_ed25519" "$BUNDLE/ssh/known_hosts" "$BUNDLE/ssh/config"
    install -m 0600 "$BUNDLE/ssh/id_ed25519" "$BUNDLE/ssh/known_hosts" "$BUNDLE/ssh/config" "$HOME/.ssh/"
fi
# DeepSpeed reads it from the home folder, for those who start `deepspeed` by hand here.
if [[ -e $BUNDLE/deepspeed_env ]]; then
    install -m 0600 "$BUNDLE/deepspeed_env" "$HOME/.deepspeed_env"
fi

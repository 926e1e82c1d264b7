# shellcheck shell=bash
# Where the server is itself a container, a platform starts the image with variables and no bundle. What a bundle and
# its compose.yaml would bring is found out or made here; the hooks then see no difference.

# Ours, not the platform's: /run may be a tmpfs, and the host key has to outlive a restart.
readonly OWN=/var/lib/dsk/bundle
KINDS="$(echo /opt/venv/lib/python3*/site-packages/dsk/assets/accelerators)"
readonly KINDS
readonly PUBLIC_KEY='^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]+={0,2}( .*)?$'
readonly ADDRESSES='^[0-9]+(\.[0-9]+){3}(/[0-9]+)?(,[0-9]+(\.[0-9]+){3}(/[0-9]+)?)*$'
readonly PRIVATE='^(10\.|192\.168\.|172\.(1[6-9]|2[0-9]|3[01])\.|100\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\.)'

# Started by hand in a login of the platform's own sshd, the variables of the container are with process 1 only.
inherit() {
    local pair
    while IFS= read -r -d '' pair; do
        [[ ${pair%%=*} =~ ^(DSK_[A-Z_]+|DS_ACCELERATOR)$ ]] || continue
        [[ -n ${!BASH_REMATCH[1]:-} ]] || declare -gx "$pair"
    done < <(cat /proc/1/environ 2>/dev/null)
    [[ :$PATH: == *:/opt/venv/bin:* ]] || export PATH=/opt/venv/bin:$PATH
    export LANG=${LANG:-C.UTF-8}
}

# DSK_AUTHORIZED_KEY as sshd takes it: nothing but public keys, a line each.
authorized_keys() {
    local line from='' number=0 keys=''
    if [[ -n ${DSK_ALLOWED_FROM:-} ]]; then
        [[ $DSK_ALLOWED_FROM =~ $ADDRESSES ]] ||
            err "DSK_ALLOWED_FROM is '$DSK_ALLOWED_FROM'; it must be IPv4 addresses or networks, as in 10.0.0.0/24,10.0.1.5"
        from="from=\"$DSK_ALLOWED_FROM\" "
    fi
    [[ $DSK_AUTHORIZED_KEY != *'PRIVATE KEY'* ]] ||
        err "DSK_AUTHORIZED_KEY holds a private key, which the platform has seen now; make a new pair and give the .pub half"
    while read -r line; do
        number=$((number + 1))
        line=${line%$'\r'}
        [[ -n $line ]] || continue
        if [[ ! $line =~ $PUBLIC_KEY ]] || ! ssh-keygen -l -f - <<<"$line" >/dev/null 2>&1; then
            err "line $number of DSK_AUTHORIZED_KEY is not a public key and nothing else (ssh-ed25519 AAAA…); options such as command= are not taken"
        fi
        keys+="$from$line"$'\n'
    done <<<"$DSK_AUTHORIZED_KEY"
    [[ -n $keys ]] || err "DSK_AUTHORIZED_KEY holds no key"
    printf '%s' "$keys"
}

# The one address by which the other servers can mean this one.
lan_address() {
    local -a of=() all private=()
    local address
    [[ ${DSK_INTERFACE:-auto} == auto ]] || of=(dev "$DSK_INTERFACE")
    mapfile -t all < <(ip -o -4 addr show "${of[@]}" scope global 2>/dev/null | awk '{sub("/.*", "", $4); print $4}')
    for address in "${all[@]}"; do
        [[ ! $address =~ $PRIVATE ]] || private+=("$address")
    done
    [[ ${#all[@]} -le 1 ]] || all=("${private[@]}")
    [[ ${#all[@]} -eq 1 ]] ||
        err "which address the other servers reach is not clear; set DSK_HOST to it, or DSK_INTERFACE to its interface. This container has: $(
            ip -o -4 addr show scope global | awk '{printf "%s%s (%s)", sep, $4, $2; sep = ", "}'
        )"
    printf '%s' "${all[0]}"
}

# The kind of accelerator whose devices are here, by the files that dsk knows them from.
accelerator() {
    local file
    for file in "$KINDS"/*.env; do
        if (
            # shellcheck source=/dev/null
            source "$file"
            [[ -n ${WORKER_DEVICES:-} ]] && sh -c "$WORKER_DEVICES" 2>/dev/null | grep -xE "$DEVICE_LINE" >/dev/null
        ); then
            basename "$file" .env
            return
        fi
    done
    echo cpu
}

# The devices of that kind, and 1 where there are none to count.
slots() (
    # shellcheck source=/dev/null
    source "$KINDS/$DSK_ACCELERATOR.env"
    found=0
    [[ -z ${WORKER_DEVICES:-} ]] || found="$(sh -c "$WORKER_DEVICES" 2>/dev/null | grep -cxE "$DEVICE_LINE")" || true
    echo $((found > 0 ? found : 1))
)

inherit
[[ -n ${DSK_AUTHORIZED_KEY:-} ]] ||
    err "DSK_AUTHORIZED_KEY is not set: the public key that may log in to this worker. (A bundle's compose.yaml would set DSK_ROLE instead)"
keys="$(authorized_keys)"
DSK_HOST="${DSK_HOST:-$(lan_address)}"
DSK_WORKER_PORT=${DSK_WORKER_PORT:-2222}
# Nobody has said which one is the master: the interface is the one that has this address.
DSK_MASTER=${DSK_MASTER:-$DSK_HOST}
DSK_WORKSPACE=${DSK_WORKSPACE:-/workspace}
DSK_WARM=${DSK_WARM:-auto}
[[ $DSK_WARM =~ ^(auto|true|false)$ ]] || err "DSK_WARM is '$DSK_WARM'; it may be auto, true or false"
DSK_ACCELERATOR=${DSK_ACCELERATOR:-${DS_ACCELERATOR:-}}
if [[ -z $DSK_ACCELERATOR ]]; then
    DSK_ACCELERATOR="$(accelerator)"
    note "accelerator $DSK_ACCELERATOR, by the devices that are here; DSK_ACCELERATOR says otherwise"
fi
[[ -r $KINDS/$DSK_ACCELERATOR.env ]] ||
    err "DSK_ACCELERATOR is '$DSK_ACCELERATOR'; it may be $(basename -s .env -a "$KINDS"/*.env | paste -sd' ')"
# shellcheck source=/dev/null
DS_ACCELERATOR="$(source "$KINDS/$DSK_ACCELERATOR.env" && echo "$DEEPSPEED")"
DSK_ROLE=worker
# How many ranks a job has here, by which the warm process has as many threads as they will have (docs/warm-starts.md).
DSK_SLOTS=${DSK_SLOTS:-$(slots)}
[[ $DSK_SLOTS =~ ^[1-9][0-9]*$ ]] || err "DSK_SLOTS is '$DSK_SLOTS'; it must be the number of ranks that jobs have here"
export DSK_SLOTS DSK_ROLE DSK_HOST DSK_WORKER_PORT DSK_MASTER DSK_WORKSPACE DSK_WARM DSK_ACCELERATOR DS_ACCELERATOR
# It may hold several lines, which a session's environment cannot.
unset DSK_AUTHORIZED_KEY
mkdir -p "$DSK_WORKSPACE" || err "the workspace $DSK_WORKSPACE (DSK_WORKSPACE) cannot be made"

[[ -L $BUNDLE || ! -e $BUNDLE ]] || err "$BUNDLE is there, but not DSK_ROLE, which the bundle's compose.yaml sets"
install -d -m 0700 "$OWN" "$OWN/ssh"
[[ -e $OWN/ssh/host_ed25519_key ]] ||
    ssh-keygen -q -t ed25519 -N '' -C dsk-worker -f "$OWN/ssh/host_ed25519_key"
printf '%s\n' "$keys" >"$OWN/ssh/authorized_keys"
ln -sfn "$OWN" "$BUNDLE"

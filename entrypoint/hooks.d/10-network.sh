# shellcheck shell=bash
# Which interface NCCL and Gloo use on this node. Names differ between nodes, so each finds its own.

# The interface that owns an IPv4 address; nothing if none does.
interface_of() {
    ip -o -4 addr show | awk -v address="$1" '{split($4, cidr, "/"); if (cidr[1] == address) {print $2; exit}}'
}

# The interface by which packets to an address leave. One of our own addresses would be routed by `lo`.
interface_to() {
    ip -o -4 route get "$1" 2>/dev/null | awk '{for (i = 1; i < NF; i++) if ($i == "dev") {print $(i + 1); exit}}'
}

owner="$(interface_of "$DSK_HOST")"
[[ -n $owner ]] || err "no interface has the address $DSK_HOST (DSK_HOST); this node's addresses: $(
    ip -o -4 addr show | awk '{printf "%s%s (%s)", sep, $4, $2; sep = ", "}'
)"

interface="${DSK_INTERFACE:-auto}"
if [[ $interface == auto ]]; then
    interface=$owner
    if [[ $DSK_MASTER != "$DSK_HOST" ]]; then
        route="$(interface_to "$DSK_MASTER" || true)"
        [[ $route == "$owner" ]] ||
            note "warning: $DSK_HOST is on $owner, but the master $DSK_MASTER is reached by ${route:-no interface}"
    fi
elif [[ ! -e /sys/class/net/$interface ]]; then
    err "DSK_INTERFACE names $interface, which this node does not have; it has: $(
        ip -o link show | awk -F': ' '{sub(/@.*/, "", $2); printf "%s%s", sep, $2; sep = ", "}'
    )"
elif [[ $interface != "$owner" ]]; then
    note "warning: $DSK_HOST is on $owner, NCCL and Gloo are told to use $interface; dsk check tells whether it leads anywhere"
fi

export NCCL_SOCKET_IFNAME=$interface GLOO_SOCKET_IFNAME=$interface
case "${DSK_INFINIBAND:-auto}" in
    auto | on) ;;
    off) export NCCL_IB_DISABLE=1 ;;
    *) err "DSK_INFINIBAND is '$DSK_INFINIBAND'; it may be auto, on or off" ;;
esac
if [[ ${DSK_INFINIBAND:-auto} == on ]]; then
    compgen -G '/dev/infiniband/uverbs*' >/dev/null ||
        err "DSK_INFINIBAND is on, but /dev/infiniband has no device; rdma.yaml of the bundle hands it in"
fi
note "interface $interface"

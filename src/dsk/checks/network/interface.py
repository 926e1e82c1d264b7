"""Does each node use the interface that leads to the others, and is dsk.yaml's address on it?"""

from __future__ import annotations

import re

from dsk.checks.model import Check, Finding, State
from dsk.checks.network.facts import Network, judging
from dsk.cluster.model import Cluster, Node
from dsk.text import Text
from dsk.wire.measure import Choice, Interface, Route
from dsk.wire.remedies import Remedy

NAME = "interface"
DOCKER_BRIDGE = re.compile(r"docker\d+|br-[0-9a-f]{12}")
OK = Text("{interface}, {addresses}")
NO_ADDRESS = Text("{host} is on no interface of this node; it has {all}")
MISSING = Text("{interface} does not exist; this node has {all}")
DOCKER = Text("{interface} is Docker's bridge, which no other node can reach; {host} is on {owner}")
LOOPBACK = Text("{interface} leads to this node alone; {host} is on {owner}")
DOWN = Text("{interface} is down")
NO_CARRIER = Text("{interface} has no link: the cable, or the other end's port")
EMPTY = Text("{interface} has no IPv4 address; {host} is on {owner}")
ELSEWHERE = Text(
    "NCCL uses {interface} ({addresses}), and from there no other node is reached; {host} is on "
    "{owner}"
)
APART = Text("NCCL uses {interface} ({addresses}), which reaches the others; {host} is on {owner}")
ROUTE = Text("packets to {peer} leave by {via}, not by {interface}, which NCCL is told to use")
FIX_NAME = Remedy(
    engine=Text("in dsk.yaml: network: {{interface: auto}} (or {owner}), then dsk up"),
    in_place=Text("start that container's worker again with DSK_INTERFACE={owner}"),
)
FIX_HOST = Remedy(
    engine=Text("write the node's LAN address into dsk.yaml, then dsk up"),
    in_place=Text("write the container's address on the private network into dsk.yaml"),
)
_LINK_UP = Text("on {host}, as root: ip link set dev {interface} up")
FIX_UP = Remedy(engine=_LINK_UP, in_place=_LINK_UP)
FIX_ROUTE = Text(
    "give both nodes addresses of one network in dsk.yaml, or correct the route on {host}: "
    "ip route get {to}"
)


def check(cluster: Cluster, network: Network) -> list[Finding]:
    found = []
    for node in cluster.nodes:
        if choice := network.choices.get(node.index):
            found.append(_choice(cluster, network, node, choice))
            if found[-1].state != "failed":
                found += _routes(cluster, network, node, choice)
    return found


def _choice(cluster: Cluster, network: Network, node: Node, choice: Choice) -> Finding:
    interfaces = network.interfaces.get(node.index, {})
    chosen = interfaces.get(choice.interface)
    owner = next((each.name for each in interfaces.values() if _has(each, node.host)), "")
    state, text, remedy = _verdict(cluster, network, node, chosen, owner)
    fix = remedy.of(in_place=cluster.in_place) if remedy else None
    finding = Finding(NAME, state, text, node.index, None, choice.interface, owner, fix)
    known = [each for each in interfaces.values() if each.addresses]
    return finding.filled(
        interface=choice.interface,
        addresses=" ".join(chosen.addresses) if chosen else "",
        host=node.host,
        owner=owner,
        all=", ".join(f"{each.name} {' '.join(each.addresses)}" for each in known),
    )


def _verdict(
    cluster: Cluster, network: Network, node: Node, chosen: Interface | None, owner: str
) -> tuple[State, Text, Remedy | None]:
    if not owner:
        return "failed", NO_ADDRESS, FIX_HOST
    if chosen is None:
        return "failed", MISSING, FIX_NAME
    docker = chosen.kind == "bridge" and DOCKER_BRIDGE.fullmatch(chosen.name) is not None
    # Another network for the data alone is a sound thing to have, where it leads to the others.
    through = any(network.gets_through(pair) for pair in network.reaches if node.index in pair)
    other = chosen.name != owner
    causes: tuple[tuple[bool, Text, Remedy | None], ...] = (
        (other and docker, DOCKER, FIX_NAME),
        (other and chosen.kind == "loopback", LOOPBACK, FIX_NAME),
        (not chosen.up, DOWN, FIX_UP),
        (not chosen.carrier, NO_CARRIER, None),
        (other and not chosen.addresses, EMPTY, FIX_NAME),
        (other and not through and len(cluster.nodes) > 1, ELSEWHERE, FIX_NAME),
    )
    for holds, text, fix in causes:
        if holds:
            return "failed", text, fix
    return "ok", APART if other else OK, None


def _has(interface: Interface, address: str) -> bool:
    return any(each.partition("/")[0] == address for each in interface.addresses)


def _routes(cluster: Cluster, network: Network, node: Node, choice: Choice) -> list[Finding]:
    found = []
    for (from_, to), route in network.by_pair(Route).items():
        if from_ != node.index or route.problem or route.interface == choice.interface:
            continue
        if route.interface == "lo":  # both nodes are this machine
            continue
        peer = cluster.nodes[to]
        seen, expected = route.interface, choice.interface
        finding = Finding(NAME, "warning", ROUTE, node.index, to, seen, expected, FIX_ROUTE)
        values = {"peer": str(peer), "to": peer.host, "host": node.host}
        found.append(finding.filled(via=seen, interface=expected, **values))
    return found


CHECK = Check(NAME, judging(check), ("network",), "login")

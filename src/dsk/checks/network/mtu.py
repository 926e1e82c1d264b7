"""Do packets as large as the interfaces send them arrive? Where not, connections open and hang."""

from __future__ import annotations

from dsk.checks.model import Check, Finding, State
from dsk.checks.network.facts import Network, Pair, between
from dsk.checks.network.groups import group
from dsk.cluster.model import Cluster
from dsk.text import Text
from dsk.wire.measure import Packet

NAME = "mtu"
OK = Text("packets of {mtu} bytes reach {count} other nodes")
HOLE = Text(
    "packets of more than {passed} bytes vanish on the way to {peer}, but {interface} sends up to "
    "{mtu}: connections open, and hang once there is data"
)
HOLE_OUT = Text(
    "packets of more than {passed} bytes vanish on the way to every other node, but {interface} "
    "sends up to {mtu}: connections open, and hang once there is data"
)
UNEQUAL = Text(
    "{interface} sends packets of up to {mtu} bytes, {peer} takes {passed}: TCP agrees on the "
    "smaller size, but what sits between them may not"
)
ADAPTS = Text(
    "packets of more than {passed} bytes do not reach {peer}, {interface} sends up to {mtu}; TCP "
    "finds out and adapts"
)
UNSEEN = Text("no UDP gets through to {peer}, so packet sizes cannot be tried; data over TCP does")
UNSEEN_OPEN = Text("no UDP gets through to {peer}, so packet sizes cannot be tried")
FIX = Text(
    "on every node, as root: ip link set dev {interface} mtu {passed} (and in the network's "
    "configuration, to keep it), or raise the MTU of what lies between the nodes"
)


def check(cluster: Cluster, network: Network) -> list[Finding]:
    packets = network.by_pair(Packet)
    bad = {pair: each for pair, each in packets.items() if each.passed < each.mtu}
    groups = group([pair for pair, each in bad.items() if each.passed], list(packets))
    found = [_hole_of_all(network, node, bad) for node in groups.senders]
    told = set(groups.senders)
    for pair, packet in sorted(bad.items()):
        if pair[0] not in told or not packet.passed:
            found.append(_of_pair(cluster, network, pair, packet))
    troubled = {pair[0] for pair in bad}
    for node in cluster.nodes:
        mine = [each for pair, each in packets.items() if pair[0] == node.index]
        if mine and node.index not in troubled:
            text = OK.filled(mtu=mine[0].mtu, count=len(mine))
            found.append(Finding(NAME, "ok", text, node=node.index))
    return found


def _hole_of_all(network: Network, node: int, bad: dict[Pair, Packet]) -> Finding:
    mine = [each for pair, each in bad.items() if pair[0] == node]
    smallest = min(mine, key=lambda each: each.passed)
    return _failed(network, HOLE_OUT, smallest, peer="", about=None)


def _of_pair(cluster: Cluster, network: Network, pair: Pair, packet: Packet) -> Finding:
    peer = str(cluster.nodes[pair[1]])
    speed = network.speeds.get(pair)
    flows = speed is not None and speed.rate > 0
    if not packet.passed:
        text = (UNSEEN if flows else UNSEEN_OPEN).filled(peer=peer)
        return Finding(NAME, "skipped", text, node=pair[0], peer=pair[1])
    there = network.chosen(pair[1])
    if speed is None or not flows:
        return _failed(network, HOLE, packet, peer=peer, about=pair[1])
    unequal = there is not None and there.mtu < packet.mtu
    return _failed(
        network, UNEQUAL if unequal else ADAPTS, packet, peer=peer, about=pair[1], only_warn=True
    )


def _failed(
    network: Network,
    text: Text,
    packet: Packet,
    *,
    peer: str,
    about: int | None,
    only_warn: bool = False,
) -> Finding:
    chosen = network.chosen(packet.node)
    state: State = "warning" if only_warn else "failed"
    seen, expected = str(packet.passed), str(packet.mtu)
    finding = Finding(NAME, state, text, packet.node, about, seen, expected, FIX)
    name = chosen.name if chosen else "?"
    return finding.filled(passed=seen, mtu=expected, peer=peer, interface=name)


CHECK = Check(NAME, between(NAME, check), ("network",), "reach")

"""How long packets are on their way."""

from __future__ import annotations

from dsk.checks.model import Check, Finding
from dsk.checks.network.facts import Network, between
from dsk.checks.network.groups import group
from dsk.checks.network.traffic import waits
from dsk.cluster.model import Cluster
from dsk.text import Text

NAME = "latency"
MUCH_S = 5e-3
"""There and back. One site has tenths of a millisecond; a busy machine's scheduler adds some."""
OK = Text("{rtt} there and back at most")
MEANS = Text("ZeRO-3 of a 7 B model waits {waits} s a step for packets alone")
EVERYWHERE = Text("{rtt} there and back between the nodes: {means}")
NODE = Text("{rtt} there and back to every other node: {means}")
PAIR = Text("{rtt} there and back to {peer}: {means}")
FIX = Text(
    "are all nodes at one site, and are the addresses in dsk.yaml those of its own network, not of "
    "a VPN? Otherwise use deepspeed: z2 and a larger gradient_accumulation_steps"
)


def check(cluster: Cluster, network: Network) -> list[Finding]:
    times = {pair: each.rtt for pair, each in network.reaches.items() if each.rtt is not None}
    if not times:
        return []
    slow = [pair for pair, rtt in times.items() if rtt >= MUCH_S]
    if not slow:
        longest = written(max(times.values()))
        return [Finding(NAME, "ok", OK.filled(rtt=longest), seen=longest)]
    groups = group(slow, times)
    found = []

    def warning(text: Text, rtt: float, node: int | None, peer: int | None = None) -> None:
        seen, expected = written(rtt), f"< {written(MUCH_S)}"
        finding = Finding(NAME, "warning", text, node, peer, seen, expected, FIX)
        means = MEANS.filled(waits=f"{waits(rtt, len(cluster.nodes)):.1f}")
        other = str(cluster.nodes[peer]) if peer is not None else ""
        found.append(finding.filled(rtt=seen, means=means, peer=other))

    if groups.everywhere:
        warning(EVERYWHERE, max(times.values()), None)
    # There and back is the same for both ends: of a pair, one of them says it.
    for node in groups.senders:
        warning(NODE, max(times[pair] for pair in slow if pair[0] == node), node)
    for pair in groups.pairs:
        said = pair[1] in groups.senders or (pair[0] > pair[1] and pair[::-1] in groups.pairs)
        if not said:
            warning(PAIR, times[pair], *pair)
    return found


def written(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms"


CHECK = Check(NAME, between(NAME, check), ("network",), "bandwidth", each=False)

"""How much gets through, and what that means for a job."""

from __future__ import annotations

from dsk.checks.model import Check, Finding
from dsk.checks.network.facts import Network, Pair, between
from dsk.checks.network.groups import group
from dsk.checks.network.traffic import SHARDED, STAGE_0, moved
from dsk.cluster.model import Cluster
from dsk.text import Text

NAME = "bandwidth"
ENOUGH = 5e9
"""Bits per second. Below, ZeRO-3 of a 7 B model waits for a minute and more a step; 10 Gbit/s
Ethernet is above it also on a busy machine."""
OK = Text("{rate} at least between the nodes")
MEANS = Text(
    "a step of a 7 B model sends about {sharded_gb} GB through each node with ZeRO-2 or ZeRO-3, "
    "{sharded_s} s at this rate; {z0_gb} GB with ZeRO-0, {z0_s} s"
)
EVERYWHERE = Text("{rate} between the nodes: {means}")
SENDS = Text("{rate} is the most that this node sends: {means}")
GETS = Text("{rate} is the most that this node gets: {means}")
PAIR = Text("{rate} to {peer}: {means}")
STALLED = Text("connects to {peer}, but then no data arrives there")
FIX = Text(
    "use LoRA with z2 (then only the adapter's gradients travel), or raise "
    "gradient_accumulation_steps with z0, which sends once a step; dsk check train.yaml counts "
    "what your model sends{more}"
)
DEVICE = Text("; the device says {speed}: look at cable, switch port and duplex")
FIX_STALLED = Text("see what `mtu` says; a firewall that looks into connections does this as well")


def check(cluster: Cluster, network: Network) -> list[Finding]:
    rates = {pair: each.rate for pair, each in network.speeds.items() if each.rate > 0}
    found = [
        Finding(NAME, "failed", STALLED, *pair, each.problem or "0", "", FIX_STALLED).filled(
            peer=str(cluster.nodes[pair[1]])
        )
        for pair, each in network.speeds.items()
        if pair not in rates
    ]
    if not rates:
        return found
    slow = [pair for pair, rate in rates.items() if rate < ENOUGH]
    if not slow:
        text = OK.filled(rate=written(min(rates.values())))
        return [*found, Finding(NAME, "ok", text, seen=written(min(rates.values())))]
    groups = group(slow, rates)

    def warning(text: Text, pairs: list[Pair], node: int | None, peer: int | None = None) -> None:
        rate = max(rates[pair] for pair in pairs)
        found.append(_warning(cluster, network, text, rate, node=node, peer=peer))

    if groups.everywhere:
        warning(EVERYWHERE, [min(rates, key=lambda pair: rates[pair])], None)
    for node in groups.senders:
        warning(SENDS, [pair for pair in slow if pair[0] == node], node)
    for node in groups.receivers:
        warning(GETS, [pair for pair in slow if pair[1] == node], node)
    for pair in groups.pairs:
        warning(PAIR, [pair], *pair)
    return found


def _warning(
    cluster: Cluster,
    network: Network,
    text: Text,
    rate: float,
    *,
    node: int | None,
    peer: int | None,
) -> Finding:
    count = len(cluster.nodes)
    sharded, z0 = moved(SHARDED, count), moved(STAGE_0, count)
    chosen = network.chosen(node) if node is not None else None
    device = chosen.speed * 1e6 if chosen and chosen.speed else None
    less = device is not None and rate < min(device, ENOUGH) / 2
    seen = written(rate)
    return Finding(NAME, "warning", text, node, peer, seen, written(ENOUGH), FIX).filled(
        rate=seen,
        peer=str(cluster.nodes[peer]) if peer is not None else "",
        means=MEANS.filled(
            sharded_gb=f"{sharded / 1e9:.0f}",
            z0_gb=f"{z0 / 1e9:.0f}",
            sharded_s=f"{sharded * 8 / rate:.0f}",
            z0_s=f"{z0 * 8 / rate:.0f}",
        ),
        more=DEVICE.filled(speed=written(device)) if device and less else Text(""),
    )


def written(rate: float) -> str:
    """Bits per second in words."""
    if rate >= 1e9:
        return f"{rate / 1e9:.1f} Gbit/s"
    return f"{rate / 1e6:.3g} Mbit/s"


CHECK = Check(NAME, between(NAME, check), ("network",), "mtu", each=False)

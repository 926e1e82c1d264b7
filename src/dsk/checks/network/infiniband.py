"""Is there InfiniBand (or RoCE), does it work, and will NCCL use it?"""

from __future__ import annotations

from dsk.checks.model import Finding
from dsk.checks.network.facts import Network
from dsk.cluster.model import Cluster
from dsk.text import Text
from dsk.wire.measure import InfiniBand

NAME = "infiniband"
ACTIVE = "ACTIVE"
NONE = Text("no InfiniBand on any node")
UNLINKED = Text("no InfiniBand device has a link, and NCCL is not given one")
USED = Text("{device} is used: {rate}")
UNUSED = Text("{device} works ({rate}) but the worker does not have it: NCCL goes over TCP")
OFF = Text("{device} works ({rate}), dsk.yaml turns it off")
DOWN = Text("{device} has no link ({state}), and the worker has it: NCCL may choose it and fail")
SOME = Text("has no working InfiniBand, others have: NCCL cannot use it between them")
FIX_ON = Text("in dsk.yaml: network: {{infiniband: on}}, then dsk up")
FIX_DOWN = Text(
    "look at the cable and the subnet manager (ibstat); or env: {{NCCL_IB_HCA: …}} with the others"
)
FIX_SOME = Text("mend it there, or network: {{infiniband: off}} for all")


def check(_: Cluster, network: Network) -> list[Finding]:
    if not network.choices:
        return []
    if not network.infiniband:
        return [Finding(NAME, "ok", NONE)]
    found = [
        _of(port, off=choice.infiniband_off)
        for port in network.infiniband
        if (choice := network.choices.get(port.node))
        and (_active(port) or (port.handed_in and not choice.infiniband_off))
    ]
    working = {port.node for port in network.infiniband if _active(port)}
    for node in network.choices if working else ():
        if node not in working and not network.choices[node].infiniband_off:
            found.append(Finding(NAME, "warning", SOME, node=node, fix=FIX_SOME))
    return found or [Finding(NAME, "ok", UNLINKED)]


def _active(port: InfiniBand) -> bool:
    """The kernel writes `4: ACTIVE`."""
    return port.state.endswith(ACTIVE)


def _of(port: InfiniBand, *, off: bool) -> Finding:
    values = {
        "device": f"{port.device} port {port.port}",
        "rate": f"{port.rate}, {port.layer}",
        "state": port.state,
    }
    seen = f"{port.state}, {port.rate}, {port.layer}"
    if not _active(port):
        return Finding(
            NAME, "warning", DOWN.filled(**values), node=port.node, seen=seen, fix=FIX_DOWN
        )
    if off:
        return Finding(NAME, "ok", OFF.filled(**values), node=port.node, seen=seen)
    if not port.handed_in:
        return Finding(
            NAME, "warning", UNUSED.filled(**values), node=port.node, seen=seen, fix=FIX_ON
        )
    return Finding(NAME, "ok", USED.filled(**values), node=port.node, seen=seen)

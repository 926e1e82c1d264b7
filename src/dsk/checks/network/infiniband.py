"""Is there InfiniBand (or RoCE), does it work, and will NCCL use it?"""

from __future__ import annotations

from dsk.checks.model import Check, Finding
from dsk.checks.network.facts import Network, judging
from dsk.cluster.model import Cluster
from dsk.text import Text
from dsk.wire.measure import InfiniBand
from dsk.wire.remedies import Remedy

NAME = "infiniband"
ACTIVE = "ACTIVE"
NONE = Text("no InfiniBand on any node")
UNLINKED = Text("no InfiniBand device has a link, and NCCL is not given one")
USED = Text("{device} is used: {rate}")
UNUSED = Text("{device} works ({rate}) but the worker does not have it: NCCL goes over TCP")
OFF = Text("{device} works ({rate}), dsk.yaml turns it off")
DOWN = Text("{device} has no link ({state}), and the worker has it: NCCL may choose it and fail")
SOME = Text("has no working InfiniBand, others have: NCCL cannot use it between them")
FIX_ON = Remedy(
    engine=Text("in dsk.yaml: network: {{infiniband: on}}, then dsk up"),
    in_place=Text("take containers that the platform gives the InfiniBand devices"),
)
FIX_DOWN = Text(
    "look at the cable and the subnet manager (ibstat); or env: {{NCCL_IB_HCA: …}} with the others"
)
FIX_SOME = Text("repair it there, or network: {{infiniband: off}} for all")


def check(cluster: Cluster, network: Network) -> list[Finding]:
    if not network.choices:
        return []
    if not network.of(InfiniBand):
        return [Finding(NAME, "ok", NONE)]
    found = [
        _of(port, off=choice.infiniband_off, in_place=cluster.in_place)
        for port in network.of(InfiniBand)
        if (choice := network.choices.get(port.node))
        and (_active(port) or (port.handed_in and not choice.infiniband_off))
    ]
    working = {port.node for port in network.of(InfiniBand) if _active(port)}
    for node in network.choices if working else ():
        if node not in working and not network.choices[node].infiniband_off:
            found.append(Finding(NAME, "warning", SOME, node=node, fix=FIX_SOME))
    return found or [Finding(NAME, "ok", UNLINKED)]


def _active(port: InfiniBand) -> bool:
    """The kernel writes `4: ACTIVE`."""
    return port.state.endswith(ACTIVE)


def _of(port: InfiniBand, *, off: bool, in_place: bool) -> Finding:
    seen = f"{port.state}, {port.rate}, {port.layer}"
    if not _active(port):
        finding = Finding(NAME, "warning", DOWN, port.node, seen=seen, fix=FIX_DOWN)
    elif off:
        finding = Finding(NAME, "ok", OFF, port.node, seen=seen)
    elif not port.handed_in:
        fix = FIX_ON.of(in_place=in_place)
        finding = Finding(NAME, "warning", UNUSED, port.node, seen=seen, fix=fix)
    else:
        finding = Finding(NAME, "ok", USED, port.node, seen=seen)
    device, rate = f"{port.device} port {port.port}", f"{port.rate}, {port.layer}"
    return finding.filled(device=device, rate=rate, state=port.state)


CHECK = Check(NAME, judging(check), ("network",), "port", each=False)

"""The network between the nodes, judged from what the workers measured (wire.measure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dsk.checks.model import Finding
from dsk.checks.network import (
    bandwidth,
    infiniband,
    interface,
    latency,
    mtu,
    port,
    reach,
    sessions,
)
from dsk.checks.network.facts import Check, gather
from dsk.cluster.model import Cluster
from dsk.wire.measure import Measured

CHECKS: Mapping[str, Check] = {
    "sessions": sessions.check,
    "interface": interface.check,
    "reach": reach.check,
    "mtu": mtu.check,
    "bandwidth": bandwidth.check,
    "latency": latency.check,
    "port": port.check,
    "infiniband": infiniband.check,
}
"""By the name that --only takes."""


def judge(
    cluster: Cluster, measured: Iterable[Measured], only: Iterable[str] = CHECKS
) -> list[Finding]:
    network = gather(measured)
    return [finding for name in only for finding in CHECKS[name](cluster, network)]

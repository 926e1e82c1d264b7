"""`dsk image sync`: the image alone, without keys, bundles and workers."""

from __future__ import annotations

from collections.abc import Sequence

from dsk.cluster.model import Cluster, Node
from dsk.errors import DskError
from dsk.fleet.contact import open_fleet
from dsk.fleet.report import Report
from dsk.fleet.sync.distribute import distribute


def sync(cluster: Cluster, nodes: Sequence[Node], report: Report) -> list[DskError]:
    """The errors of those nodes that still lack the image."""
    contacted = [node for node in cluster.nodes if node in nodes or node == cluster.master]
    with open_fleet(cluster, contacted) as fleet:
        distribute(cluster, fleet, nodes, report)
        return fleet.errors

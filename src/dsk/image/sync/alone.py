"""`dsk image sync`: the image alone, without keys, bundles and workers."""

from __future__ import annotations

from collections.abc import Sequence

from dsk.cluster.model import Cluster, Node
from dsk.errors import DskError
from dsk.image.sync.distribute import distribute
from dsk.servers.contact import open_fleet
from dsk.servers.progress import Tell


def sync(cluster: Cluster, nodes: Sequence[Node], tell: Tell) -> list[DskError]:
    """The errors of those nodes that still lack the image."""
    contacted = [node for node in cluster.nodes if node in nodes or node == cluster.master]
    with open_fleet(cluster, contacted) as fleet:
        distribute(cluster, fleet, nodes, tell)
        return fleet.errors

"""What `dsk init` asks servers, and where it proposes the workspace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dsk.cluster import values
from dsk.cluster.model import DEFAULT_WORKSPACE, Cluster, Node
from dsk.connect import open_server, side_by_side
from dsk.connect.outcome import Outcome
from dsk.servers.survey import survey
from dsk.survey.server import ServerFacts

FACTS = ("gpu_devices", "interface", "disks")


def ask_all(
    cluster: Cluster, known_hosts: Path, more: frozenset[str]
) -> tuple[Outcome[ServerFacts], ...]:
    """Asks all servers side by side, also for `more` facts; one that cannot be asked has its error
    in its outcome."""

    def look(node: Node) -> ServerFacts:
        with open_server(node.server, known_hosts, where=str(node)) as server:
            return survey(server, cluster, node, more.union(FACTS))

    return side_by_side(cluster.nodes, look)


@dataclass(frozen=True)
class Proposal:
    """`refused`: the mount point with the most room, if dsk.yaml allows no workspace there."""

    workspace: PurePosixPath
    refused: str | None = None


def propose_workspace(found: Sequence[ServerFacts]) -> Proposal:
    """Propose a workspace on a file system that every node has: of those that dsk.yaml allows, the
    one whose fullest node has the most room."""
    shared = set.intersection(*(set(each.disks) for each in found)) if found else set()

    def room(mount: str) -> int:
        return min(each.disks[mount] for each in found)

    # Where several are equal, the shortest path: bind mounts show one disk many times.
    by_room = sorted(sorted(shared, key=len), key=room, reverse=True)
    best = next(filter(_allowed, by_room), "/")
    roomier = bool(by_room) and (best not in shared or room(by_room[0]) > room(best))
    return Proposal(_folder(best), by_room[0] if roomier else None)


def _folder(mount: str) -> PurePosixPath:
    return DEFAULT_WORKSPACE if mount == "/" else PurePosixPath(mount) / "workspace"


def _allowed(mount: str) -> bool:
    try:
        values.workspace(str(_folder(mount)))
    except ValueError:
        return False
    return True

"""What `dsk init` can find out about servers: GPUs, the LAN interface, disks with room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dsk.cluster import values
from dsk.cluster.model import DEFAULT_WORKSPACE, Cluster, Node
from dsk.connect import open_server, side_by_side
from dsk.connect.outcome import Outcome

LIMIT_S = 30.0

# Lines `gpus N`, `interface NAME` (none where the server does not have the address), and a line
# `disk KILOBYTES MOUNT` for each file system that could hold a workspace.
SCRIPT = r"""
printf 'gpus %s\n' "$(sh -c "$2" 2>/dev/null | wc -l)"
ip -4 -o addr show to "$1" 2>/dev/null | awk '{ print "interface", $2; exit }'
df -PkT 2>/dev/null | awk -v DISKS='^(ext|xfs|btrfs|zfs|nfs|ceph|lustre|fuse)' '
NR > 1 && ($7 == "/" || $2 ~ DISKS) {
  line = "disk " $5
  for (i = 7; i <= NF; i++) line = line " " $i
  print line }'
"""


@dataclass(frozen=True)
class Found:
    """`interface` is None where the server has no such address; `disks`: mount to free bytes."""

    gpus: int
    interface: str | None
    disks: Mapping[str, int]


def discover(cluster: Cluster, known_hosts: Path) -> tuple[Outcome[Found], ...]:
    """Asks all servers side by side; one that cannot be asked has its error in its outcome."""

    def look(node: Node) -> Found:
        with open_server(node.server, known_hosts, where=str(node)) as server:
            argv = ["sh", "-c", SCRIPT, "dsk", node.host, cluster.devices.server_devices]
            done = server.run(argv, timeout=LIMIT_S)
            return parse(done.text)

    return side_by_side(cluster.nodes, look)


def parse(output: str) -> Found:
    gpus, interface, disks = 0, None, {}
    for line in output.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "gpus":
            gpus = int(rest)
        elif kind == "interface":
            interface = rest
        elif kind == "disk":
            free, _, mount = rest.partition(" ")
            disks[mount] = int(free) * 1024
    return Found(gpus, interface, disks)


@dataclass(frozen=True)
class Proposal:
    """`refused`: the mount point with the most room, if dsk.yaml allows no workspace there."""

    workspace: PurePosixPath
    refused: str | None = None


def propose_workspace(found: Sequence[Found]) -> Proposal:
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

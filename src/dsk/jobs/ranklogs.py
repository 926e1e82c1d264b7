"""The ends of the ranks' own log files, as they lie on each node."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dsk.cluster.model import Cluster, Node
from dsk.connect import Server
from dsk.errors import DskError
from dsk.fleet.execute import check_worker, in_worker
from dsk.servers.contact import open_fleet
from dsk.text import Text
from dsk.wire import paths

LIMIT_S = 60.0
KEPT = 256 << 10
"""Bytes of each rank's log."""
MARK = "\x1e"

# Of the last attempt alone. Each file after a line with MARK and its name.
TAILS = r"""
cd "$1/logs" 2>/dev/null || exit 0
last=$(ls | sort -n | tail -n 1)
for file in "$last"/*rank*.log; do
  [ -f "$file" ] || continue
  printf '\n\036%s\n' "$file"
  tail -c "$2" "$file"
done
"""
_RANK = re.compile(r"rank(\d+)\.log$")


@dataclass(frozen=True)
class RankLog:
    node: Node
    rank: int
    lines: tuple[str, ...]


def tails(cluster: Cluster, job: str) -> tuple[list[RankLog], list[DskError]]:
    """What the ranks of the last attempt printed last; and why some nodes could not be asked."""
    folder = str(paths.job_folder(cluster.workspace, job))

    def ask(node: Node, server: Server) -> list[RankLog]:
        check_worker(server, cluster, node)
        argv = in_worker(cluster, node, ["sh", "-c", TAILS, "sh", folder, str(KEPT)])
        done = server.run(argv, timeout=LIMIT_S)
        if done.returncode:
            raise DskError(
                Text("the ranks' logs cannot be read: {error}").filled(error=done.error),
                where=str(node),
            )
        return read_tails(node, done.text)

    with open_fleet(cluster, cluster.nodes) as fleet:
        found = fleet.each(ask)
        return [log for _, logs in sorted(found.items()) for log in logs], fleet.errors


def read_tails(node: Node, text: str) -> list[RankLog]:
    """What TAILS prints."""
    logs = []
    for part in text.split(f"\n{MARK}"):
        name, _, content = part.removeprefix(MARK).partition("\n")
        if match := _RANK.search(name):
            logs.append(RankLog(node, int(match[1]), tuple(content.splitlines())))
    return logs

"""The workspace's folder on a server, for those whom the workers run as."""

from __future__ import annotations

import shlex

from dsk.cluster.model import Cluster, Node
from dsk.connect import Server
from dsk.errors import DskError
from dsk.text import Text

LIMIT_S = 60.0

# The engine would make it too, but as root's always.
MAKE = r"""
mkdir -p -- "$1" && { [ -z "$2" ] || [ "$(id -u)" != 0 ] || chown "$2" "$1"; }
"""


def make(server: Server, cluster: Cluster, node: Node) -> None:
    """Where it is not there yet. Raises DskError."""
    folder = str(cluster.workspace_source(node))
    argv = ["sh", "-c", MAKE, "dsk", folder, str(cluster.user or "")]
    done = server.run(argv, timeout=LIMIT_S)
    if done.returncode:
        owner = f"-o {cluster.user.uid} -g {cluster.user.gid} " if cluster.user else ""
        raise DskError(
            Text("the workspace cannot be created: {error}").filled(error=done.error),
            where=str(node),
            fix=Text("there, as root: install -d {owner}{folder}").filled(
                owner=owner, folder=shlex.quote(folder)
            ),
        )

"""The private network of a demo cluster, on the one machine that all its nodes share."""

from __future__ import annotations

from dsk.cluster.model import Cluster, Demo
from dsk.connect import Server
from dsk.errors import DskError
from dsk.text import Text

LIMIT_S = 60.0


def ensure(server: Server, cluster: Cluster, demo: Demo) -> None:
    """Raises DskError where the network cannot be made."""
    if server.run(["docker", "network", "inspect", demo.network], timeout=LIMIT_S).returncode == 0:
        return
    argv = ["docker", "network", "create", "--subnet", demo.subnet]
    argv += ["--label", f"dsk.cluster={cluster.name}", demo.network]
    done = server.run(argv, timeout=LIMIT_S)
    if done.returncode:
        raise DskError(
            Text("the network {network} ({subnet}) cannot be created: {error}").filled(
                network=demo.network, subnet=demo.subnet, error=done.error
            )
        )


def remove(server: Server, demo: Demo) -> None:
    """Raises DskError."""
    if server.run(["docker", "network", "inspect", demo.network], timeout=LIMIT_S).returncode:
        return
    done = server.run(["docker", "network", "rm", demo.network], timeout=LIMIT_S)
    if done.returncode:
        raise DskError(
            Text("the network {network} cannot be removed: {error}").filled(
                network=demo.network, error=done.error
            )
        )

"""The demo's place on this machine: two nodes of their own address, workspace and worker."""

from __future__ import annotations

import fcntl
import ipaddress
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from dsk.cluster.model import Cluster, Demo, Local, Node
from dsk.errors import DskError, UserError
from dsk.text import Text

NAME = "demo"
NODES = 2
SUBNETS = tuple(f"10.213.{number}.0/24" for number in range(77, 97))
"""Where one of these is taken on the machine, the next is tried."""


def folder() -> Path:
    """Where the demo keeps its files (XDG Base Directory Specification)."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "dsk" / NAME


@contextmanager
def lock() -> Iterator[None]:
    """One demo at a time: the next would take away the workers of the first. Raises UserError."""
    place = folder().parent
    place.mkdir(parents=True, exist_ok=True)
    with (place / f"{NAME}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                Text("another dsk demo is running on this machine"),
                fix=Text("wait for it, or stop it there: Ctrl-C"),
            ) from None
        yield


def free_subnet(taken: Iterable[str]) -> str:
    """The first of SUBNETS that meets none of `taken` (networks as text). Raises DskError."""
    used = [ipaddress.ip_network(text, strict=False) for text in taken]
    for subnet in SUBNETS:
        network = ipaddress.ip_network(subnet)
        if not any(network.overlaps(other) for other in used if other.version == 4):
            return subnet
    raise DskError(
        Text("no free subnet of {first} to {last} for the demo's two nodes").filled(
            first=SUBNETS[0], last=SUBNETS[-1]
        )
    )


def cluster(place: Path, subnet: str, image: str, accelerator: str, *, cores: int) -> Cluster:
    """The demo's cluster: what dsk.yaml would say, were two such nodes two servers. They share the
    machine's `cores`."""
    hosts = list(ipaddress.ip_network(subnet).hosts())
    return Cluster(
        name=NAME,
        nodes=tuple(Node(i, str(hosts[10 + i]), 1, Local()) for i in range(NODES)),
        file=place / "dsk.yaml",
        image=image,
        accelerator=accelerator,
        shm_size="2gb",
        demo=Demo(
            network=f"dsk-{NAME}",
            subnet=subnet,
            workspaces=tuple(
                PurePosixPath(place / "workspaces" / f"node{i}") for i in range(NODES)
            ),
            cpus=cores / NODES,
        ),
    )


def make_folders(demo_cluster: Cluster) -> None:
    for node in demo_cluster.nodes:
        Path(demo_cluster.workspace_source(node)).mkdir(parents=True, exist_ok=True)


def remove_folders(place: Path) -> None:
    """What root wrote in the workspaces was taken away from inside a worker before."""
    shutil.rmtree(place, ignore_errors=True)

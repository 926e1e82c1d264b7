"""What a server that cannot be reached is told to do, by the cluster's runtime."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from dsk.cluster.model import Cluster, Node, SshTarget
from dsk.connect.ssherrors import ChangedHostKey
from dsk.errors import Unreachable
from dsk.servers.contact import _in_place, open_fleet


@pytest.mark.parametrize("in_place", [True, False])
def test_a_port_where_nothing_listens(tmp_path: Path, *, in_place: bool) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        target = SshTarget("root", "127.0.0.1", free.getsockname()[1], tmp_path / "key")
    node = Node(0, "127.0.0.1", 1, target)
    cluster = replace(Cluster("lab", (node,), tmp_path / "dsk.yaml"), in_place=in_place)
    with open_fleet(cluster, cluster.nodes, connect_s=3) as fleet:
        [error] = fleet.errors
    assert isinstance(error, Unreachable) and error.where == "node0 (127.0.0.1)"
    assert ("is that container up" in str(error.fix)) == in_place


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (ChangedHostKey("the host key is not the known one"), "dsk keys --add FILE --replace"),
        (Unreachable("root@h refuses the login (it takes: publickey)"), "DSK_AUTHORIZED_KEY"),
        (Unreachable("h does not answer"), "is that container up"),
    ],
)
def test_what_to_do_about_a_container(error: Unreachable, fix: str) -> None:
    found = _in_place(error)
    assert type(found) is type(error) and found.message == error.message
    assert fix in str(found.fix)

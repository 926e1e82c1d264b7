"""Which path and which nodes are meant."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from dsk.cluster.model import Cluster, Local, Node
from dsk.errors import Unreachable, UserError
from dsk.fleet.files import _tell_ended, order, relative_path
from dsk.wire.transfer import Event, Failed
from tests.texts import en

NODES = tuple(Node(i, f"10.0.0.1{i}", 1, Local()) for i in range(3))
CLUSTER = Cluster("lab", NODES, Path("dsk.yaml"), workspace=PurePosixPath("/数据 1"))


@pytest.mark.parametrize(
    ("path", "relative"),
    [
        ("models/q", "models/q"),
        ("/数据 1/models/q/", "models/q"),
        ("./a/../b", "b"),
        ("-x", "-x"),
        ("..x", "..x"),
        (".dskx", ".dskx"),
        ("a/.dsk", "a/.dsk"),
        ("/数据 1", "."),
        (".", "."),
    ],
)
def test_paths(path: str, relative: str) -> None:
    assert relative_path(CLUSTER.workspace, path) == relative


@pytest.mark.parametrize("path", ["/数据 12/x", "..", "a/../../b", "/", ".dsk", ".dsk/jobs", ""])
def test_paths_that_are_refused(path: str) -> None:
    with pytest.raises(UserError):
        relative_path(CLUSTER.workspace, path)


def test_the_master_comes_first_and_nobody_twice() -> None:
    wanted = order(CLUSTER, "push", "a", [NODES[2], NODES[0], NODES[2]])
    assert [node.index for node in wanted.nodes] == [0, 2]
    with pytest.raises(UserError, match="no node but the master"):
        order(CLUSTER, "push", "a", [NODES[0]])
    with pytest.raises(UserError, match="complete workspace"):
        order(CLUSTER, "push", ".", NODES, delete=True)


def test_a_transfer_that_ends_early_is_an_event_too() -> None:
    """`dsk push --json` prints events alone."""
    told: list[Event] = []
    error = _tell_ended(CLUSTER, b"a\nssh: broken\n", 255, told.append)
    assert isinstance(error, Unreachable)
    (failed,) = told
    assert isinstance(failed, Failed) and (failed.code, failed.node) == (3, 0)
    assert en(failed.message) == "the connection was lost: ssh: broken"

"""Which engine's image counts, and what dsk says where this machine has another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dsk.cluster.model import Cluster, Local, Node, SshTarget
from dsk.connect import Completed
from dsk.connect.local import LocalServer
from dsk.errors import Unreachable
from dsk.fleet import image, up
from dsk.fleet.contact import Fleet
from dsk.fleet.image import Source
from dsk.fleet.probe import Image, Probe
from dsk.fleet.report import NodeDone, Said, Transferred

NODES = (
    Node(0, "10.0.0.11", 2, SshTarget("root", "10.0.0.11")),
    Node(1, "10.0.0.12", 2, SshTarget("root", "10.0.0.12")),
)
CLUSTER = Cluster("lab", NODES, Path("dsk.yaml"))
OLD, NEW = Image("sha256:1", "old", 1), Image("sha256:2", "new", 1)
NO = Completed(1, b"", b"")
PROBE = Probe(NO, NO, False, 0, False, True, OLD, None, None, False, frozenset())


def source(found: Image) -> Source:
    return Source(LocalServer("this machine"), found, "this machine")


@pytest.mark.parametrize(("mine", "told"), [(NEW, True), (OLD, False), (None, False)])
def test_up_names_another_image_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, mine: Image | None, told: bool
) -> None:
    """All nodes have the same, old one: nothing is sent, and that is not passed over in silence."""
    monkeypatch.setattr(image, "here", lambda _: source(mine) if mine else None)
    said: list[Said | Transferred | NodeDone] = []
    renewed = up._distribute(CLUSTER, Fleet(NODES), {0: PROBE, 1: PROBE}, said.append)
    assert renewed == frozenset()
    assert ["dsk image load FILE --node node0" in str(line) for line in said] == [True] * told


def test_no_hint_where_it_would_be_the_same_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "here", lambda _: pytest.fail("asked all the same"))
    local = replace(CLUSTER, nodes=(replace(NODES[0], server=Local()), NODES[1]))
    assert image.hint(local, OLD) is None


def test_an_engine_here_that_hangs_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def hangs(_: Cluster) -> None:
        raise Unreachable("did not end within 30 s")

    monkeypatch.setattr(image, "here", hangs)
    assert image.hint(CLUSTER, OLD) is None

"""Which engine's image counts, and what dsk says where this machine has another."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from dsk.cluster.model import Cluster, Local, Node, SshTarget
from dsk.connect import Completed
from dsk.connect.local import LocalServer
from dsk.errors import Unreachable
from dsk.fleet import up
from dsk.image import holders
from dsk.image.holders import Source
from dsk.servers.contact import Fleet
from dsk.servers.progress import NodeDone, Said, Transferred
from dsk.survey.server import ServerFacts
from dsk.survey.values import Image

NODES = (
    Node(0, "10.0.0.11", 2, SshTarget("root", "10.0.0.11")),
    Node(1, "10.0.0.12", 2, SshTarget("root", "10.0.0.12")),
)
CLUSTER = Cluster("lab", NODES, Path("dsk.yaml"))
OLD, NEW = Image("sha256:1", "old", 1), Image("sha256:2", "new", 1)
FOUND = ServerFacts(image=OLD)


def source(found: Image) -> Source:
    return Source(LocalServer("this machine"), found, "this machine")


@pytest.mark.parametrize(("mine", "told"), [(NEW, True), (OLD, False), (None, False)])
def test_up_names_another_image_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, mine: Image | None, told: bool
) -> None:
    """All nodes have the same, old one: nothing is sent, and that is not passed over in silence."""
    monkeypatch.setattr(holders, "here", lambda _: source(mine) if mine else None)
    said: list[Said | Transferred | NodeDone] = []
    renewed = up._distribute(CLUSTER, Fleet(NODES), {0: FOUND, 1: FOUND}, said.append)
    assert renewed == frozenset()
    assert [
        "dsk image load FILE --node node0" in line.text.in_language("en")
        for line in said
        if isinstance(line, Said)
    ] == [True] * told


def test_no_hint_where_it_would_be_the_same_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holders, "here", lambda _: pytest.fail("asked all the same"))
    local = replace(CLUSTER, nodes=(replace(NODES[0], server=Local()), NODES[1]))
    assert holders.hint(local, OLD) is None


def test_an_engine_here_that_hangs_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def hangs(_: Cluster) -> None:
        raise Unreachable("did not end within 30 s")

    monkeypatch.setattr(holders, "here", hangs)
    assert holders.hint(CLUSTER, OLD) is None


class Hangs(LocalServer):
    def run(self, argv: Sequence[str], **_: object) -> Completed:
        text = base64.b64encode(b"did not end within 15 s").decode()
        return Completed(0, f"\ndsk-fact image 137 {text}\n".encode(), b"")


def test_an_engine_that_hangs_is_not_one_without_the_image() -> None:
    """What a sync sent would be taken for another image."""
    with pytest.raises(Unreachable, match="docker image inspect did not end within 15 s"):
        holders.inspect(Hangs("node1"), "dsk:x")

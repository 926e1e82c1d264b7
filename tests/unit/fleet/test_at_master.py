"""How the master gets the image, with what the servers answer made up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from dsk.cluster.model import Cluster, Node, SshTarget
from dsk.connect import Completed
from dsk.connect.local import LocalServer
from dsk.errors import DskError, UserError
from dsk.fleet import image
from dsk.fleet.image import Source
from dsk.fleet.probe import Image
from dsk.fleet.report import NodeDone, Said, Transferred
from dsk.fleet.sync import fit, hop, public
from dsk.fleet.sync.distribute import _at_master
from dsk.fleet.sync.look import There

MASTER = Node(0, "10.0.0.11", 2, SshTarget("root", "10.0.0.11"))
TAG, DIGEST = "team/dsk:1", "team/dsk@sha256:9"
CLUSTER = Cluster("lab", (MASTER,), Path("dsk.yaml"), image=TAG)
IMAGE = Image("sha256:1", "content", 9_000_000_000, "linux/amd64", ("a", "b", "c"))
LACKS = There("linux/amd64", 40_000_000_000, None, (), "")
HAS = replace(LACKS, free=12_000_000_000, image=IMAGE)
SERVER = LocalServer("node0")

Told = list[Said | Transferred | NodeDone]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """This machine has the image, and so does a registry; what each is asked for is said here."""
    told: Told = []

    def note(text: str) -> Callable[..., str]:
        return lambda *_: told.append(Said(text)) or DIGEST  # type: ignore[func-returns-value]

    mine = Source(LocalServer("this machine"), IMAGE, "this machine")
    monkeypatch.setattr(image, "here", lambda _: mine)
    monkeypatch.setattr(image, "inspect", lambda *_: IMAGE)
    monkeypatch.setattr(hop, "to_master", note("sent from here"))
    monkeypatch.setattr(public, "resolve", note("pulled there"))
    # By its name: `dsk.fleet.sync.distribute` is the function.
    module = import_module("dsk.fleet.sync.distribute")
    monkeypatch.setattr(module, "look", lambda *_: HAS)
    return told


@pytest.mark.parametrize(("reference", "way"), [(TAG, "sent from here"), (DIGEST, "pulled there")])
def test_an_image_by_digest_does_not_come_from_this_machine(
    told: Told, reference: str, way: str
) -> None:
    """`docker save` would leave the name out."""
    found = _at_master(replace(CLUSTER, image=reference), SERVER, LACKS, told.append)
    assert found.image == IMAGE
    assert Said(way) in told


def test_a_digest_without_a_registry(told: Told) -> None:
    cluster = replace(CLUSTER, image="dsk@sha256:9")
    with pytest.raises(UserError, match="which only a registry can give") as raised:
        _at_master(cluster, SERVER, LACKS, told.append)
    assert raised.value.where == "node0 (10.0.0.11)" and told == []


@pytest.mark.parametrize("reference", [TAG, DIGEST])
def test_its_room_to_serve_is_what_the_image_leaves(told: Told, reference: str) -> None:
    found = _at_master(replace(CLUSTER, image=reference), SERVER, LACKS, told.append)
    assert fit.cannot_serve(MASTER, found.image, LACKS) is None
    refused = fit.cannot_serve(MASTER, found.image, found.there)
    assert refused and "needs, to send it, 18.0 GB, 12.0 GB are free" in refused.message


def test_what_the_master_pulled_in_vain_is_removed(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry does not tell before what driver an image needs."""
    ran: list[list[str]] = []

    def run(_: LocalServer, argv: list[str], **__: object) -> Completed:
        ran.append(argv)
        return Completed(0, b"", b"")

    monkeypatch.setattr(LocalServer, "run", run)
    needs = replace(IMAGE, labels={"dsk.min-driver": "525.60.13"})
    monkeypatch.setattr(image, "inspect", lambda *_: needs)
    cluster = replace(CLUSTER, image=DIGEST, accelerator="cuda")
    with pytest.raises(DskError, match=r"driver 470\.82\.01 is too old"):
        _at_master(cluster, SERVER, replace(LACKS, driver="470.82.01"), told.append)
    assert ran == [["docker", "image", "rm", DIGEST]]

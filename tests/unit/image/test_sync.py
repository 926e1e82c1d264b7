"""What a node has and whether the image fits it; what an engine's words mean."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from dsk.checks import transfer
from dsk.cluster.model import Cluster, Local, Node
from dsk.connect.local import LocalServer
from dsk.errors import DskError, Unreachable
from dsk.image.sync import public
from dsk.image.sync.distribute import look
from dsk.image.sync.receive import NoRoom, pull_error
from dsk.survey.server import ServerFacts
from dsk.survey.values import Disk, Engine, Image

NODE = Node(1, "10.0.0.12", 2, Local())
CLUSTER = Cluster("lab", (Node(0, "10.0.0.11", 2, Local()), NODE), Path("dsk.yaml"))
CPU = replace(CLUSTER, accelerator="cpu")
LABELS = {"dsk.cuda": "12.8", "dsk.min-driver": "525.60.13"}
IMAGE = Image("sha256:1", "content", 9_000_000_000, "linux/amd64", ("a", "b", "c"), LABELS)
ROOMY = ServerFacts(
    engine=Engine("27.0", "linux/amd64"),
    engine_disk=Disk("/", 200_000_000_000, 100_000_000_000),
    driver="535.104.05",
)


def free(count: int) -> ServerFacts:
    return replace(ROOMY, engine_disk=Disk("/", 200_000_000_000, count))


DOCKER = """#!/bin/sh
case "$*" in
*Server.Os*) echo 27.0 linux/amd64 ;;
*HTTPSProxy*) echo "$PROXIES" ;;
*DockerRootDir*) echo "$ROOT" ;;
"image ls"*) echo sha256:1 ;;
*RootFS.Layers*) echo '["a","b"]' ;;
*) exit 1 ;;
esac
"""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `docker` that has one image, not the cluster's; the folder is its data's."""
    program = tmp_path / "docker"
    program.write_text(DOCKER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("ROOT", str(tmp_path))
    monkeypatch.setenv("PROXIES", " ")
    return tmp_path


def test_the_room_of_an_engine(engine: Path) -> None:
    there = look(LocalServer("node1"), CPU, NODE)
    assert there.engine_disk and there.image is None and there.layers == (("a", "b"),)


def test_the_proxy_of_an_engine(engine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXIES", "http://proxy:3128 localhost")
    there = look(LocalServer("node1"), CPU, NODE)
    assert there.proxy.to("10.0.0.11") == "http://proxy:3128"
    assert there.layers == (("a", "b"),)


@pytest.mark.parametrize("said", ["Service Unavailable", "denied", "connection refused"])
def test_a_pull_that_went_to_a_proxy(said: str) -> None:
    found = pull_error(said, "node1", "a/b:c", "http://proxy:3128")
    assert "uses the proxy http://proxy:3128" in found.message and said in found.message
    assert found.fix and "NO_PROXY" in found.fix
    assert type(pull_error("no space left", "node1", "a/b:c", "http://proxy:3128")) is NoRoom


def test_an_engine_whose_data_is_not_on_this_server(
    engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with Docker Desktop: how much room it has is not known, which is not none."""
    monkeypatch.setenv("ROOT", str(engine / "elsewhere"))
    there = look(LocalServer("node1"), CPU, NODE)
    assert there.engine_disk is None and there.engine.platform == "linux/amd64"
    assert transfer.to_serve(NODE, IMAGE, there) is None
    assert transfer.to_receive(CPU, NODE, IMAGE, there) is None


def test_it_fits() -> None:
    assert transfer.to_receive(CLUSTER, NODE, IMAGE, ROOMY) is None
    assert transfer.to_serve(NODE, IMAGE, ROOMY) is None


@pytest.mark.parametrize(
    ("there", "words"),
    [
        (
            replace(ROOMY, engine=Engine("27.0", "linux/arm64")),
            ("for linux/amd64", "server is linux/arm64"),
        ),
        (replace(ROOMY, driver="470.82.01"), ("470.82.01", "525.60.13", "CUDA 12.8")),
        (free(8_000_000_000), ("needs 14.4 GB", "8.0 GB are free")),
    ],
)
def test_what_does_not_fit(there: ServerFacts, words: tuple[str, ...]) -> None:
    found = transfer.to_receive(CLUSTER, NODE, IMAGE, there)
    assert found is not None and found.where == "node1 (10.0.0.12)" and found.fix
    assert all(word in found.message for word in words)


def test_the_driver_is_of_no_interest_on_processors() -> None:
    assert transfer.to_receive(CPU, NODE, IMAGE, replace(ROOMY, driver="470.1")) is None


def test_a_node_with_most_layers_needs_little_room() -> None:
    there = replace(free(10), layers=(("a", "b"),))
    assert transfer.to_receive(CLUSTER, NODE, IMAGE, there) is None


def test_a_master_without_room_to_send() -> None:
    found = transfer.to_serve(NODE, IMAGE, free(10_000_000_000))
    assert found and "needs 18.0 GB free on the master; 10.0 GB are free" in found.message


@pytest.mark.parametrize(
    ("said", "kind", "word"),
    [
        ("write /var/lib/docker/tmp/x: no space left on device", NoRoom, "the disk is full"),
        ("x509: certificate has expired or is not yet valid", DskError, "clock"),
        ("pull access denied for a/b", DskError, "refuses"),
        ("dial tcp 10.0.0.1:443: connect: connection refused", Unreachable, "does not answer"),
        ("Client.Timeout exceeded while awaiting headers: i/o timeout", Unreachable, "answer"),
        ("manifest for a/b:c not found", DskError, "not found"),
    ],
)
def test_what_the_engine_says(said: str, kind: type[DskError], word: str) -> None:
    found = pull_error(said, "node1", "a/b:c")
    assert type(found) is kind
    assert word in found.message


@pytest.mark.parametrize(
    ("reference", "wanted"),
    [
        ("host:5000/team/dsk:1", "host:5000/team/dsk@sha256:2"),
        ("host:5000/team/dsk", "host:5000/team/dsk@sha256:2"),
        ("team/dsk@sha256:9", "team/dsk@sha256:9"),
        ("elsewhere/dsk:1", "elsewhere/dsk:1"),
    ],
)
def test_the_digest_that_belongs_to_a_reference(reference: str, wanted: str) -> None:
    digests = ["other/dsk@sha256:1", "host:5000/team/dsk@sha256:2"]
    assert public.pick(reference, digests) == wanted


def test_names_that_are_pulled() -> None:
    assert not public.in_a_registry("dsk:cu128")
    assert public.in_a_registry("team/dsk:1") and public.in_a_registry("host:5000/dsk")

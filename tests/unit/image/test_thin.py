"""An image sent without the layers that the other engine has."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from dsk.cluster.model import Cluster, Node, SshTarget
from dsk.connect.local import LocalServer
from dsk.errors import DskError
from dsk.image.holders import Source
from dsk.image.sync import hop, thin
from dsk.servers.progress import NodeDone, Said, Transferred
from dsk.survey.server import ServerFacts
from dsk.survey.values import Image
from tests.tars import tar

# An image of two layers, and the folder of the lower one, as Docker 20.10.24 saved it.
LAYERS = (
    "sha256:6321ac271d148824e6f83e07051e00a24f889137bb9282a130d66cb1fdce7806",
    "sha256:054631cc96c8d71ae7ac32a1d7b57ba5f59c5def5fe75525e965a55800a665e0",
)
LOWER = "be4db46c5b19ad72ac623d595c72e020cdba159f6c6f9538b8fb3bfaa354a61f/layer.tar"
UPPER = "939189c141aca08f79585d30a788fd34d1511a14d7ae46d96b832108810236b1/layer.tar"

MASTER = Node(0, "10.0.0.11", 2, SshTarget("root", "10.0.0.11"))
CLUSTER = Cluster("lab", (MASTER,), Path("dsk.yaml"), image="dsk:x")
INSPECTED = {
    "Id": "sha256:1",
    "Architecture": "amd64",
    "Os": "linux",
    "Size": 2_000_000,
    "Created": "2026-01-01T00:00:00Z",
    "Config": {},
    "RootFS": {"Layers": LAYERS},
}
# `load` keeps what it gets; with docker.refuses it takes nothing but a tar that has the layer.
DOCKER = f"""#!/bin/sh
case $1 in
image) cat "$0.inspected" ;;
save) cat "$0.saved" ;;
load)
  echo load >>"$0.log"
  cat >"$0.loaded"
  [ ! -e "$0.refuses" ] || tar tf "$0.loaded" | grep -q ^{LOWER}$ || {{
    echo "open {LOWER}: no such file or directory" >&2; exit 1
  }} ;;
esac
"""
SAVED = {
    UPPER: b"upper" * 1000,
    LOWER: b"lower" * 1000,
    "manifest.json": b"[]",
    "a" * 150: b"a long name",
}


SAVED_TAR = tar(SAVED, {"link": UPPER})


def names(data: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return archive.getnames()


def test_names_of_the_lowest_layers() -> None:
    assert thin.files(LAYERS, 1) == {LOWER, f"blobs/sha256/{LAYERS[0].removeprefix('sha256:')}"}
    assert thin.files(LAYERS, 0) == frozenset()
    assert thin.files(LAYERS, 2) == thin.files(LAYERS, 1), "never the uppermost"
    assert thin.files((), 0) == frozenset()


def test_a_layer_that_comes_twice_is_sent() -> None:
    """The engine saves the second one as a link to the first."""
    assert thin.files((LAYERS[0], LAYERS[0], LAYERS[1]), 2) == frozenset()


def test_a_tar_without_some_files() -> None:
    source, sink = io.BytesIO(SAVED_TAR + bytes(3 * thin.CHUNK)), io.BytesIO()
    thin.copy(source, sink, frozenset({LOWER, "other"}))
    assert names(sink.getvalue()) == [UPPER, "manifest.json", "a" * 150, "link"]
    with tarfile.open(fileobj=io.BytesIO(sink.getvalue())) as archive:
        content = archive.extractfile(UPPER)
        assert content
        assert content.read() == SAVED[UPPER]
        assert archive.getmember("link").linkname == UPPER
    assert source.read() == b"", "docker save waits until somebody has read everything"


def test_a_tar_that_breaks_off() -> None:
    with pytest.raises(tarfile.ReadError):
        thin.copy(io.BytesIO(SAVED_TAR[:3000]), io.BytesIO(), frozenset({LOWER}))


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "bin/docker"
    program.parent.mkdir()
    program.write_text(DOCKER)
    program.chmod(0o755)
    program.with_name("docker.inspected").write_text(json.dumps(INSPECTED))
    program.with_name("docker.saved").write_bytes(SAVED_TAR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return program


def sent(docker: Path, *stacks: tuple[str, ...]) -> tuple[list[str], str]:
    """The names that the engine has got, with an engine that has these stacks of layers; and what
    dsk says."""
    told: list[Said | Transferred | NodeDone] = []
    image = Image.inspected(json.dumps(INSPECTED))
    source = Source(LocalServer("this machine"), image, "this machine")
    there = ServerFacts(layers=stacks)
    hop.to_master(CLUSTER, LocalServer("node0"), there, source, told.append)
    said = "\n".join(each.text.in_language("en") for each in told if isinstance(each, Said))
    return names(docker.with_name("docker.loaded").read_bytes()), said


def test_a_master_gets_the_layers_that_it_lacks(docker: Path) -> None:
    got, said = sent(docker, (LAYERS[0],))
    assert LOWER not in got
    assert UPPER in got
    assert "to node0, without the layers that are there" in said
    got, said = sent(docker, ("sha256:other",))
    assert LOWER in got
    assert "without" not in said


def test_an_engine_that_wants_every_layer_gets_every_layer(docker: Path) -> None:
    docker.with_name("docker.refuses").touch()
    got, said = sent(docker, (LAYERS[0],))
    assert LOWER in got
    assert "did not load the missing layers alone" in said
    assert "no such file or directory" in said
    assert docker.with_name("docker.log").read_text() == "load\nload\n"


@pytest.mark.parametrize("stacks", [(), ((LAYERS[0],),)])
def test_a_save_that_breaks_off_is_an_error(docker: Path, stacks: tuple[tuple[str, ...]]) -> None:
    docker.with_name("docker.saved").write_bytes(SAVED_TAR[:3000])
    docker.write_text(DOCKER.replace('save) cat "$0.saved"', 'save) cat "$0.saved"; exit 3'))
    with pytest.raises(DskError, match="docker save failed"):
        sent(docker, *stacks)

"""What is said while an image is on its way and no bytes are counted, with a `docker` that is a
shell script."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dsk.cluster.model import Cluster, Node, SshTarget
from dsk.connect.local import LocalServer
from dsk.image import archive
from dsk.image.holders import Source
from dsk.image.load import load_here
from dsk.image.save import save
from dsk.image.sync import hop
from dsk.servers.progress import NodeDone, Said, Transferred, packing, unpacking
from dsk.survey.server import ServerFacts
from dsk.survey.values import Image
from dsk.text import Text

MASTER = Node(0, "10.0.0.11", 2, SshTarget("root", "10.0.0.11"))
CLUSTER = Cluster("lab", (MASTER,), Path("dsk.yaml"), image="dsk:x")
SIZE = 2_000_000
INSPECTED = json.dumps(
    {
        "Id": "sha256:1",
        "Architecture": "amd64",
        "Os": "linux",
        "Size": SIZE,
        "Created": "2026-01-01T00:00:00Z",
        "RepoTags": ["dsk:x"],
        "Config": {},
        "RootFS": {"Layers": ["sha256:a"]},
    }
)
DOCKER = f"""#!/bin/sh
case $1 in
image) [ -e "$0.lacks" ] && exit 1; echo '{INSPECTED}' ;;
save) head -c 3000000 /dev/zero ;;
load) cat >/dev/null; rm -f "$0.lacks" ;;
version) echo 27.0 linux/amd64 ;;
info) echo /tmp ;;
esac
"""
Told = list[Said | Transferred | NodeDone]


class Heard:
    """Progress, in its order: a name once for all of its numbers, or a sentence."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.totals: dict[str, list[int | None]] = {}

    def update(self, name: Text, done: int, total: int | None) -> None:
        said = name.in_language("en")
        if not self.said or self.said[-1] != said:
            self.said.append(said)
        self.totals.setdefault(said, []).append(total)

    def say(self, line: str | Text) -> None:
        self.said.append(line.in_language("en") if isinstance(line, Text) else line)


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(DOCKER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return program


@pytest.mark.usefixtures("docker")
def test_from_this_machine_to_the_master(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hop, "TELL_EVERY_S", -1)
    told: Told = []
    image = Image.inspected(INSPECTED)
    source = Source(LocalServer("this machine"), image, "this machine")
    nothing = ServerFacts()
    hop.to_master(CLUSTER, LocalServer("node0"), nothing, source, told.append)
    assert told[:2] == [
        Said(
            Text("sending {image} from {sender} to {names}").filled(
                image="dsk:x", sender="this machine", names="node0"
            )
        ),
        packing("this machine"),
    ]
    assert told[-1] == unpacking(MASTER)
    sent = [each for each in told if isinstance(each, Transferred)]
    assert told[2:-1] == sent
    assert {each.total for each in sent[:-1]} == {SIZE, None}, "no total that grows"
    assert sent[-1] == Transferred(MASTER, 3_000_000, 3_000_000)


def test_into_a_file_and_out_of_it(docker: Path, tmp_path: Path) -> None:
    heard, file = Heard(), tmp_path / "image.tar.zst"
    manifest = save("dsk:x", file, heard, force=False)
    assert heard.said == [
        "this machine is reading the image (docker save); packing starts after that",
        "packed",
    ]
    assert set(heard.totals["packed"]) == {SIZE, None}
    docker.with_name("docker.lacks").touch()
    heard = Heard()
    assert load_here(file, heard).in_language("en") == "loaded dsk:x"
    assert heard.said == [
        "checked",
        "sent to this machine",
        "this machine: has received everything; its engine is unpacking the layers",
    ]
    assert archive.read_manifest(file) == manifest

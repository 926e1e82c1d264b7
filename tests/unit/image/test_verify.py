"""An image looked at from inside: what is asked of the engine, and each way in which it ends."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from dsk.errors import DskError, Unreachable
from dsk.image.verify import look
from dsk.wire.imagefacts import ImageFacts
from tests.unit.engines import Engine, EngineServer

CONTENTS = ImageFacts("none", "0.1.0", {}, {}, {}, "sha256:1", "sha256:1", {}, {}, {})
IMAGE: dict[str, Any] = {
    "Id": "sha256:1",
    "RootFS": {"Layers": ["a"]},
    "Config": {},
    "Created": "2026-01-01T00:00:00Z",
    "Size": 5,
}


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """Runs containers, as far as this command does."""
    made = Engine.make(tmp_path / "engine")
    docker = (made.folder / "docker").rename(made.folder / "images-docker")
    made.add_program("docker", f'case $1 in run) exec run "$@";; *) exec {docker} "$@";; esac')
    made.add_program("run", f"echo \"$*\" >{tmp_path}/run; echo '{json.dumps(asdict(CONTENTS))}'")
    made.put("dsk:x", IMAGE)
    return made


@pytest.mark.parametrize("deep", [True, False])
def test_what_is_asked_and_found(engine: Engine, *, deep: bool) -> None:
    seen = look(EngineServer("node1", engine), "dsk:x", cluster="lab", host="h", deep=deep)
    assert (seen.id, seen.running, seen.facts) == ("sha256:1", "", CONTENTS)
    words = (engine.folder.parent / "run").read_text().split()
    assert words[-3 - deep :] == ["dsk:x", "dsk-agent", "verify", *["--deep"] * deep]
    assert {"--network", "none", "--rm"} <= {*words}


def test_an_image_that_is_not_there(engine: Engine) -> None:
    with pytest.raises(DskError, match="the image dsk:none is") as raised:
        look(EngineServer("node1", engine), "dsk:none", deep=False)
    assert raised.value.where == "node1"


def test_an_image_of_somebody_else(engine: Engine) -> None:
    engine.add_program("run", "echo 'docker: no dsk-agent.' >&2; echo hint >&2; exit 127")
    with pytest.raises(DskError, match=r"cannot be .*: docker: no dsk-agent\.") as raised:
        look(EngineServer("node1", engine), "dsk:x", deep=False)
    assert "it is not " in str(raised.value.fix)


def test_no_engine(engine: Engine) -> None:
    engine.add_program("docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    with pytest.raises(Unreachable, match="not running"):
        look(EngineServer("node1", engine), "dsk:x", deep=False)

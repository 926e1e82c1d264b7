"""What `dsk init` says about servers, before anything needs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsk.cli.init import _ask_servers
from dsk.cluster.model import Cluster, Local, Node
from tests.unit.engines import Engine


@pytest.mark.parametrize(
    ("docker", "note"),
    [
        ("echo 'Cannot connect to the Docker daemon' >&2; exit 1", "engine is not running"),
        ("[ $1 = version ] && echo 27.0 linux/amd64", "Docker Compose v2 is missing"),
        ("case $1 in version) echo 27.0 linux/amd64;; compose) echo 2.26;; esac", ""),
    ],
)
def test_what_a_server_lacks_is_a_note(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    docker: str,
    note: str,
) -> None:
    engine = Engine.make(tmp_path / "engine")
    engine.add_program("docker", docker)
    monkeypatch.setenv("PATH", engine.path)
    node = Node(0, "10.0.0.11", 1, Local())
    cluster = Cluster("lab", (node,), tmp_path / "dsk.yaml", accelerator="cpu")
    values = {"nodes": [{"host": "10.0.0.11", "slots": 1}]}
    _ask_servers(cluster, values, {"10.0.0.11": 1})
    said = capsys.readouterr().out
    assert "node0 (10.0.0.11): 0 GPUs; no interface with 10.0.0.11!; free: " in said
    assert ("note: " in said) == bool(note) and note in said
    assert "fix: there: " in said or not note

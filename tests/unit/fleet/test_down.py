"""Which job keeps `dsk down` from removing a worker."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsk.cluster.model import Cluster, Local, Node
from dsk.errors import Unreachable
from dsk.fleet.down import _job
from tests.unit.engines import Engine, EngineServer

NODE = Node(0, "10.0.0.11", 1, Local())
CLUSTER = Cluster("lab", (NODE,), Path("dsk.yaml"))
DOCKER = """
case "$*" in
version*) echo 27.0 linux/amd64 ;;
*dsk.role=worker*) echo w1 ;;
"exec w1 dsk-agent holder") {holder} ;;
"ps --all"*) echo 'dsk-lab-node0|worker|10.0.0.11|running|'; {master} ;;
esac
"""


@pytest.mark.parametrize(
    ("master", "holder", "job"),
    [
        ("echo 'm|master||running|j1'", "echo j2", "j1"),
        ("echo 'm|master||exited|j1'", "exit 1", ""),
        ("echo 'm|master||exited|j1'", "echo j2", "j2"),
        ("true", "exit 1", ""),
    ],
)
def test_the_job_of_a_master_container_or_of_the_worker(
    tmp_path: Path, master: str, holder: str, job: str
) -> None:
    engine = Engine.make(tmp_path / "engine")
    engine.add_program("docker", DOCKER.format(master=master, holder=holder))
    assert _job(EngineServer("node0", engine), CLUSTER, NODE) == job


def test_an_engine_that_does_not_answer(tmp_path: Path) -> None:
    engine = Engine.make(tmp_path / "engine")
    engine.add_program("docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    with pytest.raises(Unreachable, match="not running") as raised:
        _job(EngineServer("node0", engine), CLUSTER, NODE)
    assert raised.value.where == "node0 (10.0.0.11)"

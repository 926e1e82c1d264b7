"""What keeps a server from being a node, each with its remedy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from dsk.cluster.model import Cluster, Local, Node, User
from dsk.connect import Completed
from dsk.errors import Unreachable, UserError
from dsk.servers.probe import Probe, Worker
from dsk.servers.requirements import problem

NODE = Node(1, "10.0.0.12", 2, Local())
CLUSTER = Cluster("lab", (Node(0, "10.0.0.11", 2, Local()), NODE), Path("dsk.yaml"))
GOOD = Probe(
    docker=Completed(0, b"27.0", b""),
    compose=Completed(0, b"2.26.1", b""),
    runtime=True,
    devices=2,
    infiniband=False,
    workspace=True,
    image=None,
    worker=None,
    holder=None,
    same_files=False,
    listening=frozenset({("10.0.0.12", 22)}),
)


def failed(stderr: str, code: int = 1) -> Completed:
    return Completed(code, b"", stderr.encode())


def test_a_server_that_has_everything() -> None:
    assert problem(CLUSTER, NODE, GOOD) is None


@pytest.mark.parametrize(
    ("change", "message", "fix"),
    [
        ({"docker": failed("sh: docker: not found", 127)}, "not installed", "install Docker"),
        (
            {"docker": failed("Cannot connect to the Docker daemon at unix:///x")},
            "not running",
            "systemctl start docker",
        ),
        (
            {"docker": failed("permission denied ... the Docker daemon socket")},
            "permission denied",
            "usermod -aG docker",
        ),
        ({"compose": failed("unknown command")}, "Compose v2", "docker-compose-plugin"),
        ({"compose": Completed(0, b"1.29.2", b"")}, "Compose v2", "docker-compose-plugin"),
        ({"devices": 0}, "no NVIDIA driver", "accelerator: cpu"),
        ({"devices": 1}, "slots: 2, but the server has 1", "slots: 1 in dsk.yaml (nodes[1])"),
        ({"runtime": False}, "container toolkit", "nvidia-ctk runtime configure"),
        (
            {"listening": frozenset({("10.0.0.12", 2222)})},
            "port 2222 on 10.0.0.12 is already in use",
            "worker_port",
        ),
        ({"listening": frozenset({("0.0.0.0", 2222)})}, "port 2222 on 0.0.0.0", "worker_port"),
    ],
)
def test_what_is_missing_and_the_remedy(change: dict[str, object], message: str, fix: str) -> None:
    found = problem(CLUSTER, NODE, replace(GOOD, **change))  # type: ignore[arg-type]
    assert found is not None
    assert message in found.message
    assert fix in str(found.fix)
    assert found.where == "node1 (10.0.0.12)"


def test_exit_codes() -> None:
    dead = problem(
        CLUSTER, NODE, replace(GOOD, docker=failed("Cannot connect to the Docker daemon"))
    )
    assert isinstance(dead, Unreachable)
    assert isinstance(problem(CLUSTER, NODE, replace(GOOD, devices=1)), UserError)


def test_a_cpu_cluster_needs_no_gpu() -> None:
    without = replace(GOOD, devices=0, runtime=False)
    assert problem(replace(CLUSTER, accelerator="cpu"), NODE, without) is None


def test_the_running_worker_is_what_holds_its_port() -> None:
    worker = Worker(running=True, restarting=False, config="x", image="y")
    listening = frozenset({("10.0.0.12", 2222)})
    assert problem(CLUSTER, NODE, replace(GOOD, worker=worker, listening=listening)) is None


def test_only_root_and_the_user_itself_can_give_the_user_its_keys() -> None:
    cluster = replace(CLUSTER, user=User(1234, 100))
    for login in ("0:0", "1234:5"):
        assert problem(cluster, NODE, replace(GOOD, login=login)) is None
    found = problem(cluster, NODE, replace(GOOD, login="1000:1001"))
    assert isinstance(found, UserError)
    assert "as uid 1000" in found.message and "as 1234:100" in found.message
    assert 'user: "1000:1001"' in str(found.fix) and "as uid 1234" in str(found.fix)
    assert problem(CLUSTER, NODE, replace(GOOD, login="1000:1001")) is None


def test_a_workspace_that_the_user_may_not_write() -> None:
    cluster = replace(CLUSTER, user=User(1234, 100), workspace=PurePosixPath("/my data"))
    found = problem(cluster, NODE, replace(GOOD, unwritable=(".", ".dsk")))
    assert isinstance(found, UserError)
    assert "may not write /my data, /my data/.dsk" in found.message
    assert found.fix == (
        "there, as root: chown 1234:100 '/my data' && chown -R 1234:100 '/my data/.dsk'"
    )

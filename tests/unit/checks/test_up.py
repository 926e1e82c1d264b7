"""The checks that `dsk up` asks: the first thing that is wrong with a server, and its remedy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from dsk.checks.registry import LAUNCH, UP, facts_for, first_error, judge_all
from dsk.cluster.model import Cluster, Demo, Local, Node, User
from dsk.errors import DskError, Unreachable, UserError
from dsk.survey.engine import engine_error
from dsk.survey.values import Engine, Image, Listener, Worker
from tests.unit.checks.conftest import LABELS, SERVER

NODE = Node(1, "10.0.0.12", 2, Local())
CLUSTER = Cluster("lab", (Node(0, "10.0.0.11", 2, Local()), NODE), Path("dsk.yaml"))
GOOD = replace(SERVER, worker=Worker(), login="0:0", listeners=(Listener("10.0.0.12", 22),))


def error(cluster: Cluster = CLUSTER, **changed: Any) -> DskError | None:
    return first_error(cluster, NODE, replace(GOOD, **changed), UP)


def broken(stderr: str) -> Engine:
    return Engine(problem=engine_error(stderr, ""))


def test_a_server_that_has_everything() -> None:
    assert error() is None


ROCM = Image("sha256:1", "content", 5, labels={**LABELS, "dsk.accelerator": "rocm"})


@pytest.mark.parametrize(
    ("changed", "kind", "message", "fix"),
    [
        ({"engine": broken("docker: not found")}, Unreachable, "not installed", "install Docker"),
        (
            {"engine": broken("Cannot connect to the Docker daemon at unix:///x")},
            Unreachable,
            "not running",
            "systemctl start docker",
        ),
        (
            {"engine": broken("permission denied ... the Docker daemon socket")},
            Unreachable,
            "permission denied",
            "usermod -aG docker",
        ),
        ({"compose": ""}, DskError, "Compose v2 is missing", "docker-compose-plugin"),
        ({"compose": "1.29.2"}, DskError, "Compose v2 is missing", "docker-compose-plugin"),
        ({"gpu_devices": 0, "driver": ""}, DskError, "no NVIDIA driver", "accelerator: cpu"),
        ({"image": ROCM}, UserError, "the image's stack is for rocm", "accelerator: rocm"),
        ({"driver": "470.82.01"}, DskError, "470.82.01 is too old", "install driver 525 or newer"),
        ({"runtime": False}, DskError, "container toolkit", "nvidia-ctk runtime configure"),
        ({"gpu_devices": 1}, UserError, "slots: 2, but the server has 1", "slots: 1 in dsk.yaml"),
        (
            {"listeners": (Listener("10.0.0.12", 2222, "sshd", 7),)},
            DskError,
            "port 2222 is in use by sshd (pid 7)",
            "worker_port",
        ),
        ({"listeners": (Listener("0.0.0.0", 2222),)}, DskError, "port 2222 is in", "worker_port"),
    ],
)
def test_what_is_missing_and_the_remedy(
    changed: dict[str, Any], kind: type[DskError], message: str, fix: str
) -> None:
    found = error(**changed)
    assert found is not None and type(found) is kind
    assert message in found.message and fix in str(found.fix)
    assert found.where == "node1 (10.0.0.12)"


def test_the_first_of_several() -> None:
    found = error(engine=broken("docker: not found"), compose="", driver="", gpu_devices=0)
    assert isinstance(found, Unreachable)


def test_a_cpu_cluster_needs_no_gpu() -> None:
    cpu = replace(CLUSTER, accelerator="cpu")
    assert error(cpu, gpu_devices=0, driver="", runtime=False) is None


def test_the_running_worker_is_what_holds_its_port() -> None:
    held = (Listener("10.0.0.12", 2222),)
    for state, free in (("running", True), ("restarting", True), ("exited", False)):
        assert (error(worker=Worker(state), listeners=held) is None) == free


def test_a_demo_needs_a_gpu_for_every_rank_of_the_machine() -> None:
    demo = replace(CLUSTER, demo=Demo("net", "10.9.0.0/24", (PurePosixPath("/w"),) * 2, 1.0))
    found = error(demo, gpu_devices=3)
    assert found and "--gpus needs 4 GPUs on this machine, which has 3" in found.message
    assert error(demo, gpu_devices=4) is None


def test_only_root_and_the_user_itself_can_give_the_user_its_keys() -> None:
    cluster = replace(CLUSTER, user=User(1234, 100))
    for login in ("0:0", "1234:5"):
        assert error(cluster, login=login) is None
    found = error(cluster, login="1000:1001")
    assert isinstance(found, UserError)
    assert "as uid 1000" in found.message and "as 1234:100" in found.message
    assert 'user: "1000:1001"' in str(found.fix) and "as uid 1234" in str(found.fix)
    assert error(login="1000:1001") is None


def test_a_workspace_that_the_user_may_not_write() -> None:
    cluster = replace(CLUSTER, user=User(1234, 100), workspace=PurePosixPath("/my data"))
    found = error(cluster, unwritable=(".", ".dsk"))
    assert isinstance(found, UserError)
    assert "may not write /my data, /my data/.dsk" in found.message
    assert found.fix == (
        "there, as root: chown 1234:100 '/my data' && chown -R 1234:100 '/my data/.dsk'"
    )


def test_up_asks_only_for_what_its_checks_judge() -> None:
    """nvidia-smi takes seconds where the driver is not kept loaded."""
    assert {"gpus", "xids", "containers", "health"}.isdisjoint(facts_for(UP))
    assert {"compose", "runtime", "login", "unwritable", "listeners"} <= facts_for(UP)


def test_a_launch_does_not_ask_for_what_a_running_worker_proves() -> None:
    """Nor for anything that takes a second."""
    slow = {"gpus", "xids", "containers", "health", "owners", "compose", "runtime", "engine_disk"}
    assert slow.isdisjoint(facts_for(LAUNCH))


def test_check_reports_what_stops_up(facts: Any) -> None:
    """A missing Compose, an image for another accelerator, a login that cannot give the keys."""
    server = replace(GOOD, compose="", image=ROCM, login="1000:1000", worker=Worker("running"))
    user = replace(facts.cluster, user=User(1234, 100))
    found = judge_all(replace(facts, cluster=user, servers={0: server}), UP)
    failed = {each.check for each in found if each.state == "failed"}
    assert failed == {"compose", "driver", "user"}

"""`warm` of dsk.yaml: what a job's ranks get of it, and what `dsk status` says of the next job."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from dsk.cluster.model import Cluster, Local, Node
from dsk.jobs import overview
from dsk.jobs.planning import Request, plan
from dsk.jobs.stacks import stack_for
from dsk.jobs.states import WorkerState
from dsk.recipe import TrainFile
from dsk.text import verbatim
from dsk.wire.warm import WarmState
from tests.texts import en

NODE = Node(0, "10.0.0.1", 1, Local())
TRAIN = """\
model_name_or_path: /workspace/m
stage: sft
do_train: true
dataset: identity
template: qwen
"""
READY = WarmState("ready", "auto", 9, memory=10**9)
NO_FORKS = WarmState("off", "true", 9, verbatim("no GPU in a fork"))
OFF = WarmState("off", "auto", 9, verbatim("this worker has cuda"))


def cluster(**values: Any) -> Cluster:
    return Cluster("c", (NODE,), Path("/c/dsk.yaml"), accelerator="cpu", **values)


@pytest.mark.parametrize(
    ("warm", "given"),
    [("auto", {}), ("true", {"DSK_WARM": "true"}), ("false", {"DSK_WARM": "false"})],
)
def test_the_setting_travels_with_the_job(warm: Any, given: dict[str, str]) -> None:
    """The worker may have been started with another: always where a platform starts it."""
    made = cluster(warm=warm)
    request = Request(made, TrainFile(PurePosixPath("/c/train.yaml"), "train.yaml", TRAIN), ())
    env = plan(request, stack_for(made.image)[0].keys).spec.env
    assert {name: value for name, value in env.items() if name == "DSK_WARM"} == given


@pytest.mark.parametrize(
    ("warm", "worker", "state", "reason"),
    [
        ("auto", READY, "ready", ""),
        ("auto", OFF, "off", "this worker has cuda"),
        ("true", READY, "ready", ""),
        (
            "true",
            OFF,
            "off",
            "this worker has cuda; dsk.yaml has warm: true, so one is started after the next job",
        ),
        (
            "true",
            WarmState("off", "true", 9, verbatim("no GPU in a fork")),
            "off",
            "no GPU in a fork",
        ),
        ("false", READY, "off", "warm is false in dsk.yaml"),
        ("false", OFF, "off", "this worker has cuda"),
    ],
)
def test_status_says_how_the_next_jobs_ranks_start(
    monkeypatch: pytest.MonkeyPatch, warm: Any, worker: WarmState, state: str, reason: str
) -> None:
    class Kind:
        @staticmethod
        def look(_: Cluster, node: Node) -> tuple[WorkerState, tuple[()]]:
            return WorkerState(node, "running", warm=worker), ()

    monkeypatch.setattr(overview, "runtime_kind", lambda _: Kind)
    found = overview.overview(cluster(warm=warm)).workers[0].warm
    assert found and (found.state, en(found.reason), found.memory) == (state, reason, worker.memory)

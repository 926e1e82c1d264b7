"""What a launch asks the master while it plans the job."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

from dsk.cluster.model import Cluster, Local, Node
from dsk.jobs.planning import Request, plan
from dsk.jobs.stacks import stack_for
from dsk.recipe import TrainFile

NODES = tuple(Node(index, f"10.0.0.{index}", 1, Local()) for index in (1, 2))
TRAIN = {
    "model_name_or_path": "/workspace/models/tiny",
    "stage": "sft",
    "do_train": True,
    "dataset": "identity",
    "template": "qwen",
    "deepspeed": "/workspace/ds.json",
}


def test_each_path_is_asked_for_once() -> None:
    """The recipe is resolved three times: for each kind of workspace, and to be shown."""
    cluster = Cluster("c", NODES, Path("/c/dsk.yaml"), accelerator="cpu")
    asked: list[str] = []

    def exists(path: str) -> bool:
        asked.append(path)
        return True

    def read(path: str) -> str:
        asked.append(f"text of {path}")
        return "{}"

    file = TrainFile(PurePosixPath("/c/train.yaml"), "train.yaml", json.dumps(TRAIN))
    plan(Request(cluster, file, ()), stack_for(cluster.image)[0].keys, exists, read)
    assert "/workspace/models/tiny" in asked and "text of /workspace/ds.json" in asked
    assert len(asked) == len(set(asked))

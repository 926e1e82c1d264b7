from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dsk.checks.facts import Facts, WorkerFacts, Workspace
from dsk.cluster.model import Cluster, Local, Node
from dsk.survey.server import ServerFacts
from dsk.survey.values import Clock, Engine, Image, Worker

LABELS = {"dsk.accelerator": "cuda", "dsk.cuda": "12.8", "dsk.min-driver": "525.60.13"}
RECORDED = Path(__file__).with_name("recorded")

SERVER = ServerFacts(
    clock=Clock(0.0, 0.05),
    engine=Engine("27.0.3", "linux/amd64"),
    compose="2.26.1",
    runtime=True,
    driver="535.104.05",
    gpu_devices=4,
    image=Image("sha256:1", "content", 5, labels=LABELS),
    worker=Worker("running", "sha256:1"),
    health="",
    memory=64 << 30,
    memory_free=60 << 30,
    cpus=32,
)
WORKER = WorkerFacts(
    protocol=0,
    content_id="sha256:aaaa",
    stack={},
    packages={"torch": "2.9.1"},
    accelerator="cuda",
    workspace=Workspace(kind="ext4"),
)


@pytest.fixture
def cluster() -> Cluster:
    nodes = tuple(Node(index, f"10.0.0.{11 + index}", 4, Local()) for index in range(3))
    return Cluster("lab", nodes, Path("/somewhere/dsk.yaml"))


@pytest.fixture
def facts(cluster: Cluster) -> Facts:
    """Three servers without a fault."""
    return Facts(cluster, servers={node.index: SERVER for node in cluster.nodes})


def with_server(facts: Facts, node: int, **changed: Any) -> Facts:
    return replace(facts, servers={**facts.servers, node: replace(facts.servers[node], **changed)})


def recorded(name: str, *changes: tuple[str, str]) -> str:
    """A recorded text; each change must fit."""
    text = (RECORDED / name).read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return text

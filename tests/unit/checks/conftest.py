from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dsk.checks.facts import Clock, Facts, ServerFacts, WorkerFacts, Workspace
from dsk.cluster.model import Cluster, Local, Node

RECORDED = Path(__file__).with_name("recorded")

SERVER = ServerFacts(
    clock=Clock(0.0, 0.05),
    engine="27.0.3",
    runtime=True,
    driver="535.104.05",
    gpu_devices=4,
    image="sha256:1",
    min_driver="525.60.13",
    cuda="12.8",
    worker="running",
    worker_image="sha256:1",
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

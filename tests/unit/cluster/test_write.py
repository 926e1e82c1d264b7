"""What `dsk init` writes can be read again, and says what it was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dsk.cluster import write
from dsk.cluster.parse import parse

VALUES: dict[str, Any] = {
    "name": "lab",
    "nodes": [{"host": "10.0.0.1", "slots": 2}, {"host": "10.0.0.2", "slots": 4, "ssh": "local"}],
    "workspace": "/data/模型 one",
    "ssh": {"user": "ubuntu", "key": "~/my keys/id"},
}


@pytest.mark.parametrize("writer", [write.short, write.full])
def test_what_is_written_reads_back(writer: Any) -> None:
    cluster = parse(writer(VALUES), Path("/c/dsk.yaml"))
    assert [(node.host, node.slots) for node in cluster.nodes] == [("10.0.0.1", 2), ("10.0.0.2", 4)]
    assert str(cluster.workspace) == "/data/模型 one"
    assert str(cluster.nodes[0].server) == "ubuntu@10.0.0.1:22"
    assert str(cluster.nodes[1].server) == "local"


def test_the_full_file_keeps_the_explanations_and_none_of_the_samples_nodes() -> None:
    text = write.full(VALUES)
    assert "# Shared memory of each worker" in text
    assert "10.0.0.11" not in text and "203.0.113.7" not in text

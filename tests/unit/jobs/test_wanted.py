"""Which events `dsk logs` shows."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from dsk.cluster import load
from dsk.cluster.model import Cluster
from dsk.errors import UserError
from dsk.jobs.wanted import Since, Wanted, since, wanted
from dsk.text import verbatim
from dsk.wire.events import Exited, Notice, Output
from dsk.wire.status import JobStatus

NOW = datetime(2026, 11, 25, 14, 30, tzinfo=timezone(timedelta(hours=8)))
STATUS = JobStatus("j1", "lab", "running", ("10.0.0.11",), 8, 1.0, 1.0, "/nowhere")


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    path = tmp_path / "dsk.yaml"
    path.write_text(
        "name: lab\nimage: dsk:cu128\nworkspace: /workspace\nssh: {user: root}\n"
        "nodes:\n  - {host: 10.0.0.11, slots: 8}\n  - {host: 10.0.0.12, slots: 8}\n"
    )
    return load(path)


def test_ranks_and_nodes(cluster: Cluster) -> None:
    assert wanted(cluster, STATUS, "0,3-5").ranks == frozenset({0, 3, 4, 5})
    assert wanted(cluster, STATUS, " 7 ").ranks == frozenset({7})
    for name in ("0", "node0", "10.0.0.11"):
        assert wanted(cluster, STATUS, named=[name]).nodes == frozenset({0})


@pytest.mark.parametrize("ranks", ["8", "3-9", "5-3", "x", "", "1,", "-1"])
def test_a_rank_that_is_not_is_an_error(cluster: Cluster, ranks: str) -> None:
    with pytest.raises(UserError, match=r"--rank"):
        wanted(cluster, STATUS, ranks)


@pytest.mark.parametrize("node", ["node7", "10.0.0.12"])
def test_a_node_that_is_not_is_an_error(cluster: Cluster, node: str) -> None:
    with pytest.raises(UserError, match=node):
        wanted(cluster, STATUS, named=[node])


def test_the_jobs_own_events_are_always_wanted() -> None:
    only = Wanted(frozenset({1}), frozenset({0}))
    assert only(Notice(1.0, "models", verbatim("x"), node=1))
    assert only(Output(1.0, 0, 1, "x"))
    assert not only(Output(1.0, 0, 2, "x"))
    assert not only(Output(1.0, 1, 1, "x"))
    assert not only(Output(1.0, 0, None, "the launcher"))
    assert not only(Exited(1.0, 0, 3, 0))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("90s", Since(ago=90)),
        ("10m", Since(ago=600)),
        ("1.5h", Since(ago=5400)),
        ("2d", Since(ago=172800)),
        ("14:00", Since(at=NOW.timestamp() - 1800)),
        ("2026-11-25T14:00:30", Since(at=NOW.timestamp() - 1770)),
        ("2026-11-25 14:00", Since(at=NOW.timestamp() - 1800)),
        ("2026-11-25T06:00:00+00:00", Since(at=NOW.timestamp() - 1800)),
    ],
)
def test_since(text: str, meant: Since) -> None:
    assert since(text, NOW) == meant


@pytest.mark.parametrize("text", ["", "yesterday", "10", "10w", "25:00"])
def test_what_is_no_time_is_an_error(text: str) -> None:
    with pytest.raises(UserError, match="is not a time"):
        since(text, NOW)

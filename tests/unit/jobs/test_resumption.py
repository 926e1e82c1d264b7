"""A job that continues another one: the same recipe and nodes, and nothing that is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from dsk.cluster.parse import parse
from dsk.errors import UserError
from dsk.jobs.limits import parse_restarts
from dsk.jobs.resumption import continued, resumption
from dsk.jobs.runtime import Runtime
from dsk.wire.jobspec import JobNode, Lineage, Needed
from dsk.wire.status import JobStatus
from tests.unit.wire.test_messages import SPEC

CLUSTER = parse(
    """\
name: lab
accelerator: cpu
workspace: /w
worker_port: 2299
nodes:
  - {host: 10.0.0.10, slots: 1}
  - {host: 10.0.0.12, slots: 4}
  - {host: 10.0.0.11, slots: 2}
env: {HF_TOKEN: new}
""",
    Path("dsk.yaml"),
)
RECORDED = replace(
    SPEC,
    workspace="/w",
    env={},
    needed=(Needed("/w/model"), Needed("/w/old/checkpoint-4", own=True)),
    continues=Lineage("j1", {8: {0: (1, 2), 1: None}}, "/w/out/checkpoint-4"),
)


class Master(Runtime):
    cluster = CLUSTER
    look = open = start = stream = exists = None  # type: ignore[assignment]

    def __init__(self, *jobs: str, running: Sequence[str] = (), record: str | None = None) -> None:
        self._jobs, self._running, self._record = jobs, running, record

    def output_of(self, _: Sequence[str]) -> str:
        statuses = (JobStatus(job, "lab", "failed", (), 1, 1.0, 1.0, "/o") for job in self._jobs)
        return f"[{','.join(each.to_json() for each in statuses)}]"

    def read(self, path: str) -> str | None:
        assert path == "/w/.dsk/jobs/j1/resumption.json"
        return self._record

    def running(self) -> list[Any]:
        return [cast("Any", type("Running", (), {"job": job})) for job in self._running]


Master.__abstractmethods__ = frozenset()


def test_what_the_new_job_has_of_the_old_one_and_of_dsk_yaml() -> None:
    spec = resumption(Master("j1", record=RECORDED.to_json()), CLUSTER, "j1")
    assert spec.recipe_local == RECORDED.recipe_local and spec.output_dir == RECORDED.output_dir
    assert spec.continues == RECORDED.continues
    # The ranks keep their order; the nodes have other places in dsk.yaml by now.
    assert spec.nodes == (
        JobNode(2, "10.0.0.11", (0, 1), 2),
        JobNode(1, "10.0.0.12", (1,), 4),
    )
    assert spec.job != RECORDED.job and spec.created > RECORDED.created
    assert spec.env["HF_TOKEN"] == "new" and spec.worker_port == 2299
    assert spec.needed == (Needed("/w/model"),)
    assert "new" in spec.notify.hidden


@pytest.mark.parametrize(
    ("master", "said"),
    [
        (Master(), "no job has run"),
        (Master("j0"), "there is no job j1"),
        (Master("j1", running=["j1"]), "job j1 is still running"),
        (Master("j1"), "job j1 cannot be continued: /w/.dsk/jobs/j1/resumption.json is missing"),
        (Master("j1", record="{"), "another version of dsk, or is damaged"),
        (Master("j1", record='{"protocol": 1}'), "another version of dsk, or is damaged"),
    ],
)
def test_what_keeps_a_job_from_being_continued(master: Master, said: str) -> None:
    with pytest.raises(UserError, match=said):
        resumption(master, CLUSTER, "j1")


@pytest.mark.parametrize(
    ("recorded", "said"),
    [
        (replace(RECORDED, workspace="/v"), "had workspace /v, dsk.yaml says /w"),
        (replace(RECORDED, accelerator="cuda"), "had accelerator cuda, dsk.yaml says cpu"),
        (
            replace(RECORDED, nodes=(JobNode(0, "10.0.0.99", (0,), 1),)),
            "10.0.0.99 took part in job 20260101-120000-ab12 and is not in dsk.yaml",
        ),
        (
            replace(RECORDED, nodes=(JobNode(0, "10.0.0.10", (0, 1), 2),)),
            r"node0 \(10.0.0.10\) has fewer slots",
        ),
    ],
)
def test_a_cluster_that_is_not_the_same(recorded: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        continued(recorded, CLUSTER, now=1.0)


def test_max_restarts_on_the_command_line() -> None:
    assert [parse_restarts(word) for word in ("auto", "0", "12")] == [None, 0, 12]
    for word in ("-1", "many", "1.5", "", "²"):
        with pytest.raises(UserError, match="is not a number of restarts") as raised:
            parse_restarts(word)
        assert raised.value.where == "--max-restarts"

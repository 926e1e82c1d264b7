"""Which steps of a job are told as events."""

from __future__ import annotations

import io

import pytest

from dsk.supervisor import record
from dsk.supervisor.heard import Reported
from dsk.supervisor.record import Record
from dsk.wire.events import Attempt, Step, decode
from dsk.wire.figures import HostFigures, NodeFigures, RankFigures
from dsk.wire.jobspec import JobNode
from dsk.wire.progress import Progress, RankPhase
from dsk.wire.status import JobStatus

NODE = JobNode(0, "10.0.0.11", (0,), 1)
HOST = HostFigures(1, 1, 1, 0.0)


class Job:
    def __init__(self) -> None:
        self._out = io.BytesIO()
        self.record = Record(JobStatus("j", "lab", "running", (), 1, 1.0, 1.0, "/o"), self._out)

    def reports(self, phase: RankPhase, step: int | None = None, loss: float | None = None) -> None:
        said = Progress(phase, 1, 1.0, step, None if step is None else 300, loss)
        rank = RankFigures(0, 7, "R", said)
        self.record.reported(Reported(NODE, 1.0, NodeFigures(1, (rank,), HOST)))
        self.record.progress()

    def ends(self, step: int | None, loss: float | None) -> list[tuple[int | None, float | None]]:
        """The steps that were told; `step` and `loss` are the rank's last."""
        self.record.rank_ended(0, Progress("ending", 1, 1.0, step, 300, loss))
        self.record.progress(last=True)
        self.record.close()
        events = [decode(line) for line in self._out.getvalue().decode().splitlines()]
        return [(each.step, each.loss) for each in events if isinstance(each, Step)]


def test_a_short_job_tells_its_first_and_its_last_step() -> None:
    """One of 13 s and 300 steps had a single event, from before its first step."""
    job = Job()
    job.reports("loading")
    job.reports("training", 40, 1.5)
    for step in range(41, 300):
        job.reports("training", step, 1.4)
    assert job.ends(300, 0.25) == [(None, None), (40, 1.5), (300, 0.25)]


def test_the_last_loss_is_told_where_the_step_was_already() -> None:
    job = Job()
    job.reports("training", 300, 1.5)
    assert job.ends(300, 0.25) == [(300, 1.5), (300, 0.25)]


def test_a_job_that_took_no_step_tells_none(monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job()
    job.reports("loading")
    monkeypatch.setattr(record, "STEP_EVERY_S", 1e9)
    assert job.ends(None, None) == [(None, None)]


def test_nothing_is_told_twice() -> None:
    job = Job()
    job.reports("ending", 300, 0.25)
    job.record.progress(last=True)
    assert job.ends(300, 0.25) == [(300, 0.25)]


def test_another_attempt_is_told_from_its_own_first_step_on() -> None:
    job = Job()
    job.reports("training", 40, 1.5)
    job.record.rank_ended(0, Progress("training", 1, 1.0, 41, 300, 1.4))
    job.record.tell(Attempt(2.0, 1, (0,)))
    job.record.progress()
    job.reports("training", 30, 1.6)
    assert job.record.status.step == 30, "not the last step of the attempt before"
    assert job.ends(300, 0.25) == [(40, 1.5), (30, 1.6), (300, 0.25)]

"""What a job's diagnosis is made from: its events while it ran, and the nodes' logs beyond them."""

from __future__ import annotations

import pytest

from dsk.cluster.model import Local, Node
from dsk.diagnose import of_events
from dsk.errors import UserError
from dsk.jobs.evidence import RECENT, Heard, Recent, failed_job
from dsk.jobs.ranklogs import RankLog, read_tails
from dsk.jobs.states import LOST, JobState
from dsk.text import verbatim
from dsk.wire.events import Event, Failure, Output
from dsk.wire.status import JobStatus

NODE = Node(1, "10.0.0.12", 2, Local())
FULL = "OSError: [Errno 28] No space left on device"


def state(job: str, how: str, *, ran: bool | None = None) -> JobState:
    status = JobStatus(job, "lab", "failed", ("10.0.0.11",), 1, 0.0, 1.0, "/workspace/out", ran=ran)
    return JobState(status, how)


def test_the_newest_job_that_failed() -> None:
    states = [state("a", "failed"), state("b", LOST), state("c", "succeeded")]
    assert failed_job(states, None).status.job == "b"
    assert failed_job(states, "a").status.job == "a"
    with pytest.raises(UserError, match="job c succeeded"):
        failed_job(states, "c")
    with pytest.raises(UserError, match="there is no job d"):
        failed_job(states, "d")
    with pytest.raises(UserError, match="no job of this cluster has failed"):
        failed_job([states[2]], None)


def test_a_launch_that_was_refused_is_not_the_job_that_is_meant() -> None:
    ran, refused, stopped = (
        state("ran", "failed", ran=True),
        state("refused", "failed", ran=False),
        state("stopped", "stopped", ran=True),
    )
    assert failed_job([ran, refused, stopped], None) is ran
    assert failed_job([stopped, refused], None) is refused
    assert failed_job([stopped], None) is stopped
    assert failed_job([ran, refused], "refused") is refused
    # A supervisor that was killed before its ranks started refused nothing.
    lost = state("lost", LOST, ran=False)
    assert failed_job([lost, refused], None) is lost


def test_a_job_that_is_followed_is_kept_in_bounds_and_in_order() -> None:
    recent = Recent()
    events: list[Event] = [Output(0.0, 0, 0, "first")]
    events += [Output(1.0, 0, 0, "…")] * (RECENT - 1)
    events += [Output(2.0, 1, 1, FULL), Failure(3.0, verbatim("rank 1 exited with 1"), 1, 1, 1)]
    assert list(recent.watch(events)) == events
    found = recent.diagnosis()
    assert found.id == "disk-full"
    assert found.said and found.said.number > found.evidence[0].number


def test_the_ends_of_logs_by_rank() -> None:
    text = "\n\x1e3/rank0.log\nfirst\nsecond\n\n\x1e3/own_rank12.log\nthird\n"
    assert read_tails(NODE, text) == [
        RankLog(NODE, 0, ("first", "second")),
        RankLog(NODE, 12, ("third",)),
    ]
    assert read_tails(NODE, "") == []


@pytest.mark.parametrize(
    ("log", "beyond"),
    [
        (("a", "b", FULL), [FULL]),
        (("a", "b", f"[rank1]: {FULL}"), [FULL]),
        (("a", "b"), []),
        (("x", FULL), ["x", FULL]),  # what was heard has been rotated away
    ],
)
def test_only_what_the_supervisor_has_not_heard_is_taken(
    log: tuple[str, ...], beyond: list[str]
) -> None:
    heard = Heard()
    list(heard.watch(of_events([Output(1.0, 1, 1, "a"), Output(2.0, 1, 1, "b")])))
    lines = list(heard.beyond([RankLog(NODE, 1, log)]))
    assert [line.text for line in lines] == beyond
    assert all(line.number > 2 and line.at is None and line.place.node == 1 for line in lines)

"""What `dsk status` says of a job."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from dsk.cli.overview import duration, text
from dsk.cli.printing import echo
from dsk.cluster.model import Local, Node
from dsk.jobs.overview import Overview
from dsk.jobs.states import JobState, WorkerState
from dsk.text import verbatim
from dsk.wire.figures import GpuFigures, HostFigures, NodeFigures, RankFigures
from dsk.wire.progress import Progress
from dsk.wire.status import JobStatus, NodeStatus
from dsk.wire.warm import WarmState
from tests.texts import en

TRAINS = Progress("training", 7, 1.0, 40, 100)
RANKS = (
    *(RankFigures(rank, 100 + rank, "R", TRAINS) for rank in range(2)),
    RankFigures(2, 102, "T", TRAINS),
    RankFigures(3, None, None, TRAINS),
    RankFigures(4, 104, "S", None),
)
GPUS = (
    GpuFigures(0, 97.0, 60e9, 80e9, 71.0, 650.0),
    GpuFigures(1, 99.0, 61e9, 80e9, 64.0, None),
)
REPORT = NodeFigures(3, RANKS, HostFigures(int(512e9), int(400e9), int(2e12), 12.34), GPUS)
STATUS = JobStatus(
    "j1", "lab", "running", ("10.0.0.1",), 5, 1000.0, 1200.0, "/out", launcher="direct",
    step=40, steps=100, loss=1.23456, phase="training", samples_per_s=12.345, seconds_left=301.0,
    node_states=(NodeStatus(0, "10.0.0.1", 1198.9, REPORT), NodeStatus(1, "10.0.0.2")),
)  # fmt: skip


def shown(status: JobStatus, state: str) -> list[str]:
    return text(Overview((), (JobState(status, state),)), 5).split("\n")


def test_a_running_job_and_its_nodes() -> None:
    job, first, second = shown(STATUS, "running")
    assert job.startswith(
        "job j1  running  training  step 40/100  loss 1.2346  12.3 samples/s  5 min 1 s left  "
        "for 3 min 20 s  started "
    )
    assert first == (
        "  node0 10.0.0.1  heard 1 s ago  "
        "ranks 0-1 training, rank 2 stopped (SIGSTOP), rank 3 exited, rank 4 starting  "
        "2 GPUs 97-99 % 60-61 of 80 GB 64-71 °C 650 W  "
        "memory 112 of 512 GB, load 12.3, 2000 GB of disk free"
    )
    assert second == "  node1 10.0.0.2"


@pytest.mark.parametrize(
    ("warm", "shown"),
    [
        (
            WarmState("ready", "auto", 9, seconds=7.1, memory=int(0.93e9)),
            "warm process: ready, 0.9 GB",
        ),
        (WarmState("importing", "auto", 9), "warm process: importing"),
        (WarmState("off", "false", 9, verbatim("warm is false")), "starts cold: warm is false"),
        (
            WarmState("off", "auto", 9, verbatim("warm is false"), memory=int(1.06e9)),
            "starts cold: warm is false (its warm process is not used and has 1.1 GB)",
        ),
    ],
)
def test_how_a_nodes_ranks_start(warm: WarmState, shown: str) -> None:
    node = Node(0, "10.0.0.1", 2, Local())
    found = Overview((WorkerState(node, "running", "healthy", warm=warm),), ())
    line = text(found, 5).splitlines()[0]
    assert line == f"node0  10.0.0.1  slots 2  worker running, healthy  {shown}"


def test_every_age_counts_from_now_and_an_old_status_says_so() -> None:
    found = Overview((), (JobState(STATUS, "running", 130.0),))
    job, old, first, second = text(found, 5).splitlines()
    assert "  2 min 51 s left  for 5 min 30 s  started " in job
    assert old.startswith("  this was 2 min 10 s ago: the supervisor has written nothing")
    assert first.startswith("  node0 10.0.0.1  heard 2 min 11 s ago  ")
    assert second == "  node1 10.0.0.2"


def test_a_status_of_a_moment_ago_does_not() -> None:
    found = Overview((), (JobState(STATUS, "running", 9.0),))
    assert "this was" not in text(found, 5)


@pytest.mark.parametrize("state", ["failed", "lost"])
def test_a_job_that_does_not_run_gets_no_older(state: str) -> None:
    [job] = text(Overview((), (JobState(STATUS, state, 1e6),)), 5).splitlines()
    assert "  after 3 min 20 s  " in job


def test_a_job_that_has_ended_says_why_and_no_more_of_its_nodes() -> None:
    failed = replace(STATUS, state="failed", cause=verbatim("rank 1 raised"), attempt=1)
    job, cause = shown(failed, "failed")
    assert job.startswith("job j1  failed  attempt 2  step 40/100  loss 1.2346  after 3 min 20 s")
    assert cause == "  rank 1 raised"


def test_a_cause_that_a_rank_printed_cannot_move_the_cursor(
    capsys: pytest.CaptureFixture[str],
) -> None:
    failed = replace(
        STATUS, state="failed", cause=verbatim("rank 1 raised: \x1b[2J\rE\nnode1: \x08no")
    )
    echo("\n".join(shown(failed, "failed")))
    assert capsys.readouterr().out.splitlines()[1:] == ["  rank 1 raised: E", "node1: no"]


def test_a_lost_job_does_not_look_alive() -> None:
    [job] = shown(STATUS, "lost")
    heard = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(STATUS.updated))
    assert job.startswith("job j1  lost  step 40/100  loss 1.2346  after 3 min 20 s  started ")
    assert job.endswith(f"  last heard of {heard}")


def test_a_job_that_runs_is_shown_however_many_were_refused_after_it() -> None:
    refused = [JobState(replace(STATUS, job=f"r{n}", state="failed"), "failed") for n in range(4)]
    found = Overview((), (refused[0], JobState(STATUS, "running"), *refused[1:]))
    jobs = [line.split()[1] for line in text(found, 2).splitlines() if line.startswith("job ")]
    assert jobs == ["j1", "r2", "r3"]


def test_no_jobs() -> None:
    assert text(Overview((), ()), 5) == "no jobs yet"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.9, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (1e5, "1 d 3 h")],
)
def test_durations(seconds: float, words: str) -> None:
    assert en(duration(seconds)) == words

"""A job's end, however it comes: what is told, in which order, and with which exit code."""

from __future__ import annotations

import functools
import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from dsk.errors import Unreachable
from dsk.supervisor.heard import Heard, Lines, RankEnded
from dsk.supervisor.interrupts import StopRequested
from dsk.supervisor.job import Job
from dsk.supervisor.launcher import Launcher
from dsk.supervisor.record import Record
from dsk.supervisor.runtime import MADE_BY_UP, Runtime
from dsk.supervisor.watch import Watch
from dsk.supervisor.worker import Worker
from dsk.supervisor.workers import Workers
from dsk.text import verbatim
from dsk.wire.events import Event, Failure, Finished, Notice, Phase, decode
from dsk.wire.jobspec import JobNode
from dsk.wire.operations import ColdStart, EndRanks, FindChanged, ReservePort
from dsk.wire.request import Request
from dsk.wire.status import JobStatus
from tests.texts import en
from tests.unit.wire.test_messages import SPEC

ENDING = "ending what is left of the job on every node"
BAD = RankEnded(SPEC.nodes[1], 2, 3, time.monotonic())
GOOD = [RankEnded(node, None, 0, 0.0) for node in (SPEC.nodes[0], *SPEC.nodes)]


class Told:
    """A record whose events can be looked at."""

    def __init__(self) -> None:
        self._out = io.BytesIO()
        self.record = Record(JobStatus("j", "lab", "starting", (), 3, 1.0, 1.0, "/o"), self._out)
        self.close = functools.cache(self.record.close)

    @property
    def events(self) -> list[Event]:
        """All of them: nothing more can be told afterwards."""
        self.close()
        return [decode(line) for line in self._out.getvalue().decode().splitlines()]

    def at(self, kind: type[Event], text: str = "") -> int:
        """Where the one event of that kind, and with that text, stands."""
        (index,) = (
            index
            for index, each in enumerate(self.events)
            if isinstance(each, kind) and text in en(getattr(each, "text", None))
        )
        return index

    @property
    def end(self) -> tuple[str, int]:
        last = self.events[-1]
        assert isinstance(last, Finished)
        return last.state, last.exit_code


class Node:
    """A worker and its watch: it tells `first` when an attempt begins, and `last` when it is asked
    once more."""

    def __init__(self, node: JobNode, first: Sequence[Heard] = (), last: Sequence[Heard] = ()):
        self.node = node
        self.worker = self
        self.name = f"node{node.index}"
        self.lost = False
        self.begun: list[int] = []
        self.caught_up = 0
        self._first, self._last = first, list(last)

    def ask(self, request: Request[Any], **_: Any) -> Any:
        return {ReservePort: 29500, FindChanged: (), EndRanks: 0}[type(request)]

    def begin_attempt(self, number: int, listener: Callable[[Heard], None]) -> None:
        self.begun.append(number)
        self._listener = listener
        for each in self._first:
            listener(each)

    def catch_up(self, _limit: float) -> None:
        self.caught_up += 1
        while self._last:
            self._listener(self._last.pop())


class Ranks(Launcher):
    def __init__(self, at_start: Callable[[], object], at_end: Callable[[], object]) -> None:
        self._at_start, self._at_end = at_start, at_end

    def start(self, attempt: int) -> Sequence[tuple[int, ColdStart]]:
        self._at_start()
        return [(1, ColdStart(3, verbatim("a reason")))]

    def end(self) -> None:
        self._at_end()


class Small(Job):
    """One whose ranks say what the test lets them say, from their start to their end."""

    def __init__(self, told: Told, folder: Path, *heard: Heard, last: Heard | None = None) -> None:
        spec = replace(SPEC, workspace=str(folder))
        super().__init__(spec, told.record, Runtime(folder, MADE_BY_UP))
        first, *others = SPEC.nodes
        self._nodes = [Node(first, heard, [last] if last else []), *map(Node, others)]
        self._watches = cast("list[Watch]", self._nodes)
        self.at_start: Callable[[], object] = lambda: None
        self.at_end: Callable[[], object] = lambda: None

    def stop(self) -> None:
        self.interrupt(StopRequested())

    def _run(self, started: ExitStack) -> Failure | None:
        return self._attempts(started, Workers(cast("list[Worker]", self._nodes)), {}, None)

    def _launcher(self, *_: object) -> Launcher:
        return Ranks(self.at_start, self.at_end)


@pytest.fixture
def told() -> Iterator[Told]:
    made = Told()
    yield made
    made.close()


def test_why_it_failed_is_told_before_anything_is_ended(told: Told, tmp_path: Path) -> None:
    bad, said = replace(BAD, node=SPEC.nodes[0]), Lines(SPEC.nodes[0], ((2, "ValueError: no"),))
    assert Small(told, tmp_path, bad, last=said).run() == 1
    found = told.events[told.at(Failure)]
    assert isinstance(found, Failure)
    assert (found.rank, found.lines) == (2, ("ValueError: no",))
    assert en(found.cause).endswith("exited with 3: ValueError: no")
    assert told.at(Failure) < told.at(Phase, ENDING)
    assert told.end == ("failed", 1)


def test_a_rank_that_could_not_be_forked_is_a_notice(told: Told, tmp_path: Path) -> None:
    assert Small(told, tmp_path, BAD).run() == 1
    notices = [each for each in told.events if isinstance(each, Notice)]
    (cold,) = [each for each in notices if each.kind == "cold_start"]
    assert (cold.node, en(cold.text)) == (1, "rank 3 starts cold: a reason")


def stops_again(job: Small, ended: list[str]) -> Callable[[], None]:
    def at_end() -> None:
        job.stop()
        ended.append("all of it")

    return at_end


def test_a_stop_while_a_failed_job_is_being_ended_changes_nothing(
    told: Told, tmp_path: Path
) -> None:
    job = Small(told, tmp_path, BAD)
    ended: list[str] = []
    job.at_end = stops_again(job, ended)
    assert job.run() == 1
    assert ended == ["all of it"]
    assert told.at(Failure) and told.end == ("failed", 1)
    assert en(told.record.status.cause) == "rank 2 on node1 (10.0.0.12) exited with 3"


def test_a_stop_while_the_ranks_run_ends_them(told: Told, tmp_path: Path) -> None:
    job = Small(told, tmp_path)
    ended: list[str] = []
    job.at_start = job.stop
    job.at_end = stops_again(job, ended)
    assert job.run() == 130
    assert ended == ["all of it"]
    assert not [each for each in told.events if isinstance(each, Failure)]
    assert told.end == ("stopped", 130)


def test_a_stop_after_every_rank_has_succeeded_comes_too_late(told: Told, tmp_path: Path) -> None:
    job = Small(told, tmp_path, *GOOD)
    job.at_end = job.stop
    assert job.run() == 0
    assert told.end == ("succeeded", 0)


def test_a_job_that_has_succeeded_does_not_say_that_it_ends_ranks(
    told: Told, tmp_path: Path
) -> None:
    ended: list[str] = []
    job = Small(told, tmp_path, *GOOD)
    job.at_end = lambda: ended.append("the launcher")
    assert job.run() == 0
    assert ended == ["the launcher"], "what ranks left behind is ended all the same"
    assert ENDING not in [en(each.text) for each in told.events if isinstance(each, Phase)]


def test_a_rank_that_cannot_be_started_is_told_before_the_others_are_ended(
    told: Told, tmp_path: Path
) -> None:
    def refuse() -> None:
        raise Unreachable("no answer", where="node1")

    job = Small(told, tmp_path)
    job.at_start = refuse
    assert job.run() == 3
    assert told.at(Failure) < told.at(Phase, ENDING)
    assert told.end == ("failed", 3)


def test_an_error_while_it_is_ended_is_not_why_it_failed(told: Told, tmp_path: Path) -> None:
    def fail() -> None:
        raise OSError(5, "Input/output error")

    job = Small(told, tmp_path, BAD)
    job.at_end = fail
    assert job.run() == 1
    assert told.at(Failure) < told.at(Notice, "Input/output error")
    assert told.end == ("failed", 1)


def test_what_nobody_expects_is_a_failure_with_a_last_word(told: Told, tmp_path: Path) -> None:
    class Unlucky(Small):
        def _run(self, started: ExitStack) -> Failure | None:
            raise OSError(28, "No space left on device", "/run/dsk/ssh_config")

    assert Unlucky(told, tmp_path).run() == 1
    failure = told.events[told.at(Failure)]
    assert isinstance(failure, Failure)
    assert "OSError: [Errno 28] No space left on device: '/run/dsk/ssh_config'" in en(failure.cause)
    assert "in _run" in "\n".join(failure.lines)
    assert told.end == ("failed", 1)

"""Several attempts of one job: what each has of its own, and a stop in any of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from dsk.supervisor.attempt import Attempt
from dsk.supervisor.attempts import Attempts
from dsk.supervisor.heard import Heard, RankEnded
from dsk.supervisor.interrupts import Interrupts, StopRequested, Terminated
from dsk.supervisor.launcher import Launcher
from dsk.supervisor.verdict import End, verdict
from dsk.supervisor.watch import Watch
from dsk.supervisor.worker import Worker
from dsk.supervisor.workers import Workers
from dsk.text import verbatim
from dsk.wire import events
from dsk.wire.events import Failure, Phase
from tests.texts import en
from tests.unit.supervisor.test_job import ENDING, GOOD, Node, Ranks, Told
from tests.unit.wire.test_messages import SPEC

BAD = RankEnded(SPEC.nodes[1], 2, 3, time.monotonic())
ATTEMPTS = 3


class Script:
    """A job of ATTEMPTS attempts, all but the last one of which fail. `at` is called at every
    moment of it, by the attempt's number and the moment's name."""

    def __init__(self, told: Told, folder: Path, at: Callable[[int, str], object]) -> None:
        self.interrupts = Interrupts()
        self.moments: list[tuple[int, str]] = []
        self._at = at
        self._told = told
        self._spec = replace(SPEC, workspace=str(folder))
        self.nodes = [Node(node) for node in SPEC.nodes]
        self.attempts = Attempts(self._make, self.interrupts, self._judge)

    def _moment(self, number: int, name: str) -> None:
        self.moments.append((number, name))
        self._at(number, name)

    def _make(self, number: int) -> Attempt:
        self._moment(number, "before")
        self.nodes[0]._first = GOOD if number == ATTEMPTS - 1 else [BAD]

        def launcher(_port: int, _tell: Callable[[Heard], None]) -> Launcher:
            return Ranks(lambda: self._moment(number, "start"), lambda: self._moment(number, "end"))

        return Attempt(
            number,
            self._spec,
            Workers(cast("list[Worker]", self.nodes)),
            cast("list[Watch]", self.nodes),
            self._told.record,
            files={},
            resume_from=f"/out/checkpoint-{number}",
            launcher=launcher,
        )

    def _judge(self, failure: Failure | None) -> End | None:
        number, _ = self.moments[-1]
        self._moment(number, "verdict")
        return End(failure) if failure is None else None


@pytest.fixture
def told() -> Iterator[Told]:
    made = Told()
    yield made
    made.close()


def test_a_job_ends_with_its_first_attempt() -> None:
    failure = Failure(1.0, verbatim("x"))
    assert (verdict(failure), verdict(None)) == (End(failure), End(None))


def test_attempts_follow_each_other_with_numbers_of_their_own(told: Told, tmp_path: Path) -> None:
    script = Script(told, tmp_path, lambda *_: None)
    assert script.attempts.run() is None
    script.attempts.end()
    names = ("before", "start", "verdict", "end")
    assert script.moments == [(number, name) for number in range(ATTEMPTS) for name in names]
    assert [node.begun for node in script.nodes] == [[0, 1, 2], [0, 1, 2]]
    phases = [en(each.text) for each in told.events if isinstance(each, Phase)]
    assert phases.count(ENDING) == ATTEMPTS - 1, "nothing is left of the one that succeeded"
    assert sum(text.startswith("starting 3 ranks") for text in phases) == ATTEMPTS
    assert [
        (each.number, each.nodes, each.resume_from)
        for each in told.events
        if isinstance(each, events.Attempt)
    ] == [(number, (0, 1), f"/out/checkpoint-{number}") for number in range(ATTEMPTS)]


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("moment", ["before", "start", "verdict", "end"])
def test_a_stop_ends_the_job_in_any_attempt_and_between_them(
    told: Told, tmp_path: Path, number: int, moment: str
) -> None:
    def stop(*at: object) -> None:
        if at == (number, moment):
            try:
                script.interrupts.interrupt(StopRequested())
            finally:
                script.interrupts.interrupt(Terminated())  # changes nothing any more

    script = Script(told, tmp_path, stop)
    with pytest.raises(StopRequested):
        script.attempts.run()
    script.attempts.end()
    last = "before" if moment == "before" else "end"
    assert script.moments[-1] == (number, last)
    ended = [each for each, name in script.moments if name == "end"]
    assert ended == list(range(number + (moment != "before"))), "each attempt once"
    assert script.nodes[0].caught_up == len(ended), "and no end was cut off"


def test_a_stop_after_the_last_attempt_has_succeeded_comes_too_late(
    told: Told, tmp_path: Path
) -> None:
    def stop(*at: object) -> None:
        if at in ((ATTEMPTS - 1, "verdict"), (ATTEMPTS - 1, "end")):
            script.interrupts.interrupt(StopRequested())

    script = Script(told, tmp_path, stop)
    assert script.attempts.run() is None
    script.attempts.end()
    assert script.moments[-1] == (ATTEMPTS - 1, "end")

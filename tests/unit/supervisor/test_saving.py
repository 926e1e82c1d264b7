"""The supervisor's part of a save on request: whom it asks and when, and what it says of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from dsk.errors import Unreachable
from dsk.supervisor.heard import RankEnded, Reported
from dsk.supervisor.saving import REPORTED_WITHIN_S, Saving
from dsk.supervisor.timelimit import END_S, LEAST_GUESS_S, MARGIN, MOST_GUESS_S, lead
from dsk.supervisor.workers import Workers
from dsk.wire.events import Attempt, Finished, Notice, Phase
from dsk.wire.figures import HostFigures, NodeFigures, RankFigures
from dsk.wire.operations import RequestSave
from dsk.wire.progress import Progress
from dsk.wire.saving import Room, SaveAnswer
from tests.unit.supervisor.test_job import Small, Told
from tests.unit.wire.test_messages import SPEC

SAVES = replace(SPEC, saves=True, output_dir="/w/out")
HOST = HostFigures(0, 0, None, 0.0)


class Agent:
    """Of rank 0's node: `asked` has the requests, `answers` what it answers, then true."""

    def __init__(self, *answers: bool | Exception) -> None:
        self.asked: list[RequestSave] = []
        self._answers = list(answers)

    def ask(self, request: RequestSave) -> bool:
        answer = self._answers.pop(0) if self._answers else True
        if isinstance(answer, Exception):
            raise answer
        self.asked.append(request)
        return answer


class Scene:
    def __init__(self, told: Told, agent: Agent, **spec: Any) -> None:
        self.told, self.agent = told, agent
        self.stops = 0
        self.saving = Saving(replace(SAVES, **spec), told.record, self._stop, began=0.0)
        self.saving.connected(Workers(cast("Any", [agent])))

    def _stop(self) -> None:
        self.stops += 1

    def attempt(self, number: int = 0) -> None:
        self.told.record.tell(Attempt(time.time(), number, (0, 1)))

    def report(self, phase: Any, step: int | None, **more: Any) -> None:
        progress = Progress(phase, 1, 0.0, step, 100, **more)
        ranks = (RankFigures(0, 1, "R", progress),)
        self.told.record.reported(Reported(SPEC.nodes[0], 1.0, NodeFigures(1, ranks, HOST)))
        self.told.record.progress()

    def look(self, ran: float = 1.0) -> None:
        self.saving._look(ran)

    @property
    def said(self) -> list[tuple[str, str]]:
        return [
            (each.kind, each.text.in_language("en"))
            for each in self.told.events
            if isinstance(each, Notice)
        ]


@pytest.fixture
def make() -> Iterator[Callable[..., Scene]]:
    told = Told()
    yield lambda *answers, **spec: Scene(told, Agent(*answers), **spec)
    told.close()


def test_nothing_is_asked_unless_it_is_wanted(make: Callable[..., Scene]) -> None:
    scene = make()
    scene.attempt()
    scene.report("training", 3)
    scene.look()
    assert (scene.agent.asked, scene.stops, scene.said) == ([], 0, [])


def test_a_request_goes_to_rank_0_once_and_its_answers_are_told(make: Callable[..., Scene]) -> None:
    scene = make(Unreachable("away"), False)
    scene.attempt()
    scene.report("training", 3)
    scene.saving.want()
    for _ in range(4):  # out of reach, the attempt over, asked, waiting
        scene.look()
    assert scene.agent.asked[1:] == [RequestSave(0, 1)]
    answer = SaveAnswer(1, "saving", 5, only_model=True)
    scene.report("saving", 5, answer=answer)
    scene.look()
    scene.look()
    scene.report("ending", 5, answer=replace(answer, state="saved"))
    scene.look()
    assert scene.stops == 0
    (kind, asked), (_, at) = scene.said
    assert kind == "save" and "are asked to save" in asked
    assert "at step 5" in at and "cannot be resumed exactly" in at


def test_a_full_disk_refuses_and_a_second_request_is_a_new_one(
    make: Callable[..., Scene],
) -> None:
    scene = make()
    scene.attempt()
    scene.report("training", 3)
    scene.saving.want()
    scene.look()
    room = Room(2, 3_000_000_000, 14_000_000_000, measured=False)
    scene.report("training", 4, answer=SaveAnswer(1, "no_room", 4, room=room))
    scene.look()
    scene.look()
    scene.saving.want()
    scene.look()
    scene.look()
    assert scene.agent.asked == [RequestSave(0, 1), RequestSave(0, 2)]
    ((_, text),) = [each for each in scene.said if each[0] == "save_refused"]
    assert "needs about 14.0 GB in /w/out" in text and "node1 (10.0.0.12) has 3.0 GB" in text


def test_a_training_that_has_not_begun_is_stopped_but_not_too_soon(
    make: Callable[..., Scene],
) -> None:
    scene = make()
    scene.attempt()
    scene.report("tokenizing", None)
    scene.saving.want()
    scene.look(10.0)
    scene.look(10.0 + REPORTED_WITHIN_S - 0.1)
    assert scene.stops == 0
    scene.look(10.0 + REPORTED_WITHIN_S)
    assert scene.stops == 1
    assert scene.said == [("save", "the training has not begun, so there is nothing to save")]


def test_before_the_ranks_are_started_it_is_stopped_at_once(make: Callable[..., Scene]) -> None:
    scene = make()
    scene.saving.want()
    scene.look()
    assert scene.stops == 1


def test_a_training_that_is_done_ends_by_itself(make: Callable[..., Scene]) -> None:
    scene = make()
    scene.attempt()
    scene.report("saving", 100)
    scene.saving.want()
    scene.look()
    scene.look()
    assert (scene.agent.asked, scene.stops) == ([], 0)
    assert [text for _, text in scene.said if "ends by itself" in text]


def test_the_next_attempt_is_asked_again(make: Callable[..., Scene]) -> None:
    scene = make()
    scene.attempt()
    scene.report("training", 3)
    scene.saving.want()
    scene.look()
    scene.attempt(1)
    scene.report("training", 2)
    scene.look()
    assert scene.agent.asked == [RequestSave(0, 1), RequestSave(1, 2)]


def test_a_job_that_cannot_save_says_so_and_goes_on(make: Callable[..., Scene]) -> None:
    scene = make(saves=False, time_limit=100.0)
    scene.attempt()
    scene.report("training", 3)
    scene.saving.begin()
    scene.saving.end()
    scene.saving._done.clear()
    scene.saving.want()
    scene.look(1.0)
    scene.look(99.0)
    assert (scene.agent.asked, scene.stops) == ([], 0)
    scene.look(100.0)
    assert scene.stops == 1
    kinds = [kind for kind, _ in scene.said]
    assert kinds == ["save_refused", "save_refused", "save"]


def test_a_time_limit_asks_before_and_is_hard(make: Callable[..., Scene]) -> None:
    scene = make(time_limit=1000.0)
    scene.attempt()
    scene.report("training", 3, save_s=20.0)
    before = lead(1000.0, 20.0, None)
    scene.look(1000.0 - before - 1)
    assert scene.agent.asked == []
    scene.look(1000.0 - before)
    assert scene.agent.asked == [RequestSave(0, 1)]
    scene.look(999.0)
    assert scene.stops == 0
    scene.look(1000.0)
    assert scene.stops == 1


def test_the_lead_is_measured_or_guessed() -> None:
    assert lead(28200.0, 100.0, 7.0) == MARGIN * 100 + 14 + END_S
    assert lead(28200.0, None, None) == MOST_GUESS_S + END_S
    assert lead(600.0, None, 1.0) == LEAST_GUESS_S + 2 + END_S
    assert lead(60.0, None, None) == 30.0
    assert lead(1000.0, 900.0, None) == 500.0


def test_a_job_that_saved_on_request_is_stopped_with_the_step(tmp_path: Path) -> None:
    told = Told()
    progress = Progress("ending", 9, 0.0, 12, 100, answer=SaveAnswer(1, "saved", 12))
    ended = [
        RankEnded(node, rank, 0, 0.0, progress=progress)
        for rank, node in enumerate((SPEC.nodes[0], *SPEC.nodes))
    ]
    assert Small(told, tmp_path, *ended).run() == 130
    assert told.end == ("stopped", 130)
    assert told.record.status.saved_step == 12
    assert told.at(Notice, "all ranks save a checkpoint at step 12") < told.at(Finished)
    assert not [
        each for each in told.events if isinstance(each, Phase) and each.state == "stopping"
    ]


def test_an_answer_of_an_earlier_request_is_not_taken_for_the_newest(tmp_path: Path) -> None:
    told = Told()
    record = told.record
    for rank, answer in enumerate((SaveAnswer(2, "saved", 30), SaveAnswer(1, "no_room", 9))):
        record.rank_ended(rank, Progress("ending", 1, 0.0, 30, 100, answer=answer))
    record.progress()
    assert record.answer == SaveAnswer(2, "saved", 30)
    told.close()

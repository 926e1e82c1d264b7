"""A job's events over answers that end too soon."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dsk.jobs import history
from dsk.jobs.place import Place
from dsk.jobs.wanted import Since
from dsk.wire.events import Event, Finished, Output, encode

DONE = Finished(9.0, "succeeded", 0, 8.0, "/jobs/j1", "/out")


class Answers:
    """A place whose worker answers each question with the next of `answers`."""

    def __init__(self, *answers: list[Event], alive: bool = True) -> None:
        self.cluster = SimpleNamespace(workspace="/workspace")
        self.asked: list[Sequence[str]] = []
        self._answers = list(answers)
        self._alive = alive

    def stream(self, argv: Sequence[str]) -> Iterable[bytes]:
        self.asked.append(argv)
        return ["".join(encode(event) + "\n" for event in self._answers.pop(0)).encode()]

    def running(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(job="j1")] if self._alive else []


def replay(answers: Answers, **options: Any) -> list[Event]:
    return list(history.replay(cast(Place, answers), "j1", **options))


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "LOOK_S", 0.0)


def line(at: float) -> Output:
    return Output(at, 0, 0, f"line {at}")


def test_following_asks_again_from_what_came_last() -> None:
    place = Answers([line(1.5), line(2.5)], [line(2.5), line(3.5)], [DONE])
    found = replay(place, follow=True, since=Since(ago=60))
    assert found == [line(1.5), line(2.5), line(3.5), DONE]
    assert [argv[4:-2] for argv in place.asked] == [
        ["--ago", "60"],
        ["--since", "2.5"],
        ["--since", "3.5"],
    ]


def test_following_ends_where_no_supervisor_runs() -> None:
    assert replay(Answers([line(1.5)], alive=False), follow=True) == [line(1.5)]


def test_without_following_one_answer_is_all() -> None:
    place = Answers([line(1.5)])
    assert replay(place) == [line(1.5)]
    assert "--follow" not in place.asked[0]

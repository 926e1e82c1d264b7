"""A job that is asked to save and end, as the operator's side sees it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dsk.errors import JobFailed, UserError
from dsk.jobs import saving
from dsk.jobs.runtime import Runtime, Supervisor
from dsk.text import Text, verbatim
from dsk.wire import strictjson
from dsk.wire.events import Event, Finished, Notice, encode
from dsk.wire.status import JobStatus

STATUS = JobStatus("j1", "lab", "running", (), 2, 1.0, 2.0, "/o", saves=True)
DONE = Finished(9.0, "stopped", 130, 8.0, "/jobs/j1", "/o", 12)
AT_STEP = Notice(3.0, "save", verbatim("all ranks save a checkpoint at step 12, and end then"))
ENDS_S = 5.0


class Place:
    """A runtime with one job, whose stream has `events`, and then does not end until `release`."""

    def __init__(self, *events: Event, status: dict[str, Any] | None = None) -> None:
        self.cluster = SimpleNamespace(name="lab", workspace="/w")
        self.job = "j1"
        self.asked = 0
        self.release = threading.Event()
        self._events = events
        self._status = status

    def output_of(self, _argv: Any) -> str:
        return strictjson.dumps([self._status] if self._status else [])

    def running(self) -> list[Any]:
        return [self]

    def request_save(self) -> None:
        self.asked += 1

    def stream(self, _argv: Any) -> Iterator[bytes]:
        for event in self._events:
            yield f"{encode(event)}\n".encode()
        self.release.wait(ENDS_S)


def check(status: dict[str, Any] | None) -> bool:
    return saving.check_can_save(cast("Runtime", Place(status=status)), "j1")


def follow(place: Place, within: float | None = None) -> tuple[Finished | None, list[str]]:
    told: list[Text] = []
    runtime, supervisor = cast("Runtime", place), cast("Supervisor", place)
    try:
        found = saving.save_and_end(runtime, supervisor, within, told.append)
    finally:
        place.release.set()
    assert place.asked == 1
    return found, [text.in_language("en") for text in told]


def test_who_can_be_asked() -> None:
    assert check(asdict(STATUS))
    assert not check(None)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({k: v for k, v in asdict(STATUS).items() if k != "saves"}, "with a version of dsk"),
        ({"job": "j1", "at": 1.0, "problem": "cut off"}, "with a version of dsk"),
        (asdict(replace(STATUS, saves=False)), "trains with PPO"),
    ],
)
def test_who_cannot_is_refused_before_anything_is_sent(status: Any, words: str) -> None:
    with pytest.raises(UserError, match=words) as error:
        check(status)
    assert "dsk stop j1" in str(error.value.fix)


def test_the_end_is_waited_for_and_told() -> None:
    assert follow(Place(AT_STEP, DONE)) == (
        DONE,
        ["all ranks save a checkpoint at step 12, and end then"],
    )


def test_a_job_that_goes_on_is_an_error() -> None:
    with pytest.raises(JobFailed, match="needs 14"):
        follow(Place(Notice(3.0, "save_refused", verbatim("a checkpoint needs 14.0 GB"))))


def test_a_limit_ends_the_wait() -> None:
    assert follow(Place(AT_STEP), within=0.1)[0] is None


def test_a_slow_save_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "SAVE_SLOW_S", 0.05)
    found, told = follow(Place(), within=0.2)
    assert found is None
    assert len([text for text in told if "still waiting" in text]) == 1


def test_a_supervisor_that_is_gone_is_an_error() -> None:
    place = Place(AT_STEP)
    place.running = list  # type: ignore[method-assign]
    place.release.set()
    with pytest.raises(JobFailed, match="without reporting"):
        follow(place)

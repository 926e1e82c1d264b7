"""A job's messages on their way: in the background, with retries, and at the job's end."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from dsk.supervisor.notify import lane, notifier
from dsk.supervisor.notify.notifier import Notifier
from dsk.text import Text, verbatim
from dsk.wire.events import Attempt, Event, Exited, Failure, Finished, Notice
from dsk.wire.notifications import EVENTS
from dsk.wire.notify import Notify, Target
from tests.unit.supervisor.notify.web import Web, serve
from tests.unit.wire.test_messages import SPEC

TOKEN = "/hook/0123456789abcdef"
STARTED = Attempt(1.0, 0, (0, 1), None)
CAUSE = verbatim("rank 1 exited with 1: \x1b[31mhf_s3cret")
FAILED = Failure(2.0, CAUSE, 1, 1, 1, Text("fix it"), ("a", "b"))
SUCCEEDED = Finished(3.0, "succeeded", 0, 65.0, "/w/job", "/w/out")
LOW = Notice(1.5, "disk_low", Text("node1: only 1.0 GiB are free"), 1)


class Told:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    @property
    def texts(self) -> list[str]:
        assert all(isinstance(each, Notice) and each.kind == "not_notified" for each in self.events)
        return [each.text.in_language("en") for each in self.events if isinstance(each, Notice)]


@pytest.fixture
def told() -> Told:
    return Told()


def made(told: Told, *targets: Target, language: str = "en") -> Notifier:
    notify = Notify(targets, language, ("hf_s3cret",))  # type: ignore[arg-type]
    return Notifier(replace(SPEC, notify=notify, env={}), told, pauses=(0.01, 0.02))


def to(web: Web, *events: str, name: str = "team") -> Target:
    return Target(name, "json", events or EVENTS, web.url(TOKEN))


def bodies(web: Web) -> list[dict[str, object]]:
    return [json.loads(got.body) for got in web.got]


def test_a_jobs_messages_in_their_order(web: Web, told: Told) -> None:
    made_one = made(told, to(web))
    for event in (STARTED, Exited(1.0, 0, 0, 1), LOW, FAILED):
        made_one.hear(event)
    made_one.finish(replace(SUCCEEDED, state="failed", exit_code=1))
    started, low, failed = bodies(web)
    assert [each["event"] for each in (started, low, failed)] == ["started", "disk_low", "failed"]
    assert started["title"] == f"dsk: job {SPEC.job} on lab has started"
    assert (low["node"], low["text"]) == (1, LOW.text.en)
    assert failed["text"] == (
        "after 1 min 5 s\ncause: rank 1 exited with 1: ***\nfix: fix it\n| a\n| b"
    )
    assert (failed["rank"], failed["cause"]) == (1, "rank 1 exited with 1: ***")
    assert told.events == []


def test_only_what_a_target_has_asked_for(web: Web, told: Told) -> None:
    with serve() as other:
        made_one = made(told, to(web, "ended"), to(other, "started", name="other"))
        made_one.hear(STARTED)
        made_one.finish(SUCCEEDED)
        assert [each["event"] for each in bodies(other)] == ["started"]
    assert [each["event"] for each in bodies(web)] == ["ended"]


def test_in_chinese(web: Web, told: Told) -> None:
    """The supervisor's own sentences too, and causes."""
    cause = Text("{rank} exited with {code}").filled(
        rank=Text("rank {rank}").filled(rank=1), code=1
    )
    made_one = made(told, to(web), language="zh")
    made_one.hear(Failure(1.0, cause, fix=Text("dsk status")))
    made_one.finish(replace(SUCCEEDED, state="failed", exit_code=1))
    (body,) = bodies(web)
    assert "失败" in str(body["title"])
    assert "退出" in str(body["cause"]) and str(body["cause"]) in str(body["text"])


def test_a_server_that_fails_twice(web: Web, told: Told) -> None:
    web.answers = [(500, b""), (500, b"")]
    made_one = made(told, to(web))
    made_one.finish(SUCCEEDED)
    assert len(web.got) == 3
    assert told.events == []


def test_what_cannot_be_delivered_is_reported_without_the_url(web: Web, told: Told) -> None:
    web.default = 404, b"no_service"
    made_one = made(told, to(web))
    made_one.hear(STARTED)
    made_one.finish(SUCCEEDED)
    assert told.texts == [
        f"the notification {event} to team was not delivered: "
        "the server answered HTTP 404: no_service"
        for event in ("started", "ended")
    ]
    assert len(web.got) == 2, "another try would not help"


@pytest.fixture
def hanging(web: Web) -> Iterator[Web]:
    web.hold.clear()
    yield web
    web.hold.set()


@pytest.mark.long
def test_a_server_that_hangs_delays_nothing(hanging: Web, told: Told) -> None:
    with serve() as good:
        made_one = made(told, to(hanging, name="hung"), to(good, name="good"))
        begin = time.monotonic()
        made_one.hear(STARTED)
        assert time.monotonic() - begin < 0.2
        hanging.wait()
        good.wait()
        made_one.finish(SUCCEEDED)
        assert time.monotonic() - begin < 30
        assert [each["event"] for each in bodies(good)] == ["started", "ended"]
    assert len(told.texts) == 2
    assert all("to hung was not delivered: the job has ended" in text for text in told.texts)
    assert not any("0123456789" in text for text in told.texts)


def test_no_program_is_left_after_the_end(
    hanging: Web, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier, "END_LIMIT_S", 0.1)
    made_one = made(told, to(hanging))
    made_one.hear(STARTED)
    hanging.wait()
    (only,) = made_one._lanes
    process = only._process
    assert process
    made_one.finish(SUCCEEDED)
    assert process.wait(10) != 0


def test_at_the_end_no_long_pause(web: Web, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that waits for its next try is sent at once."""
    monkeypatch.setattr(lane, "LAST_PAUSE_S", 0.01)
    web.answers = [(500, b"")]
    notify = Notify((to(web),))
    made_one = Notifier(replace(SPEC, notify=notify, env={}), told, pauses=(600.0,))
    made_one.hear(STARTED)
    web.wait()
    made_one.finish(SUCCEEDED)
    assert [each["event"] for each in bodies(web)] == ["started", "started", "ended"]
    assert told.events == []


def test_too_many_messages(hanging: Web, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "MOST_WAITING", 3)
    made_one = made(told, to(hanging))
    for _ in range(8):
        made_one.hear(STARTED)
    hanging.wait()
    assert len(told.texts) >= 4
    assert all(text.endswith("too many messages at a time") for text in told.texts)
    before = len(told.texts)
    hanging.hold.set()
    made_one.finish(SUCCEEDED)
    assert bodies(hanging)[-1]["event"] == "ended", "the end is never left out"
    assert len(told.texts) == before


def test_one_disk_message_for_many_nodes(web: Web, told: Told) -> None:
    made_one = made(told, to(web))
    for node in range(30):
        made_one.hear(replace(LOW, node=node))
    made_one.finish(SUCCEEDED)
    assert [each["event"] for each in bodies(web)] == ["disk_low", "ended"]
    assert told.events == []


def test_a_defect_in_a_message_does_not_reach_the_job(
    web: Web, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier, "row_of", lambda _: 1 / 0)
    made_one = made(told, to(web))
    made_one.hear(STARTED)
    assert told.texts == ["a notification could not be made: ZeroDivisionError"]


def test_nothing_runs_where_nobody_is_notified(told: Told) -> None:
    before = threading.active_count()
    made_one = made(told)
    made_one.hear(FAILED)
    made_one.finish(SUCCEEDED)
    assert threading.active_count() == before

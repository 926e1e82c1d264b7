"""Messages of a real job's supervisor: in which order, and what its record keeps of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dsk.supervisor.heard import Lines
from dsk.wire.events import Finished, Notice
from dsk.wire.notifications import EVENTS
from dsk.wire.notify import Notify, Target
from tests.unit.supervisor import test_job
from tests.unit.supervisor.notify.web import Web
from tests.unit.supervisor.test_job import BAD, GOOD, Small, Told
from tests.unit.wire.test_messages import SPEC

TOKEN = "/hook/0123456789abcdef"


@pytest.fixture
def told(web: Web, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    target = Target("team", "json", EVENTS, web.url(TOKEN))
    spec = replace(SPEC, notify=Notify((target,)), env={})
    monkeypatch.setattr(test_job, "SPEC", spec)
    made = Told()
    yield made
    made.close()


def events(web: Web) -> list[str]:
    return [json.loads(got.body)["event"] for got in web.got]


def test_a_job_that_succeeds(web: Web, told: Told, tmp_path: Path) -> None:
    assert Small(told, tmp_path, *GOOD).run() == 0
    assert events(web) == ["started", "ended"]
    assert told.end == ("succeeded", 0)


def test_a_job_that_fails_says_why(web: Web, told: Told, tmp_path: Path) -> None:
    assert Small(told, tmp_path, BAD).run() == 1
    assert events(web) == ["started", "failed"]
    assert json.loads(web.got[-1].body)["cause"].startswith("rank 2 on node1 (10.0.0.12) exited")


def test_a_lost_message_is_reported_before_the_last_event(
    web: Web, told: Told, tmp_path: Path
) -> None:
    """And changes nothing of the result; the URL is nowhere in what the job writes."""
    web.default = 410, b"gone"
    assert Small(told, tmp_path, *GOOD).run() == 0
    *_, notice, last = told.events
    assert isinstance(notice, Notice) and notice.kind == "not_notified"
    assert "ended to team" in notice.text.in_language("en")
    assert isinstance(last, Finished)
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert written
    for file in written:
        assert TOKEN.encode() not in file.read_bytes()


def test_a_job_that_hangs(web: Web, told: Told, tmp_path: Path) -> None:
    job = Small(told, tmp_path, Lines(SPEC.nodes[0], ((0, "a line"),)))
    job._spec = replace(job._spec, limits={"loading": 0.2})
    assert job.run() == 1
    assert events(web) == ["started", "stalled", "failed"]
    assert "no rank has made progress" in json.loads(web.got[1].body)["text"]

"""Texts in JSON: readable, with what they were filled from, whatever version of dsk wrote them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dsk.text import Text, verbatim
from dsk.wire import events
from dsk.wire.status import JobStatus
from dsk.wire.warm import WarmState
from tests.texts import en

WHY = Text("{rank} exited with {code}").filled(
    rank=Text("rank {rank} on node{node} ({host})").filled(rank=2, node=1, host="10.0.0.12"), code=3
)
FIX = Text("dsk up")
FAILED = events.Failure(4.0, WHY, 1, 2, 3, FIX, ("a",))
ENGLISH = "rank 2 on node1 (10.0.0.12) exited with 3"
CHINESE = "node1（10.0.0.12）上的 rank 2 退出，退出码 3"


def test_an_event_is_readable_and_comes_back_with_its_template() -> None:
    raw = json.loads(events.encode(FAILED))
    assert (raw["cause"], raw["fix"]) == (ENGLISH, "dsk up")
    assert raw["templates"]["cause"]["en"] == "{rank} exited with {code}"
    back = events.decode(events.encode(FAILED))
    assert back == FAILED
    assert isinstance(back, events.Failure) and back.cause.in_language("zh") == CHINESE


def test_programs_get_english_alone() -> None:
    raw = json.loads(events.for_programs(FAILED))
    assert raw["cause"] == ENGLISH and "templates" not in raw
    status = JobStatus("j", "lab", "failed", (), 1, 1.0, 1.0, "/o", cause=WHY)
    assert status.for_programs()["cause"] == ENGLISH and "templates" not in status.for_programs()


def test_an_event_of_a_version_without_templates() -> None:
    old = '{"event": "failure", "at": 1, "cause": "rank 0 {died}", "fix": null, "lines": []}'
    found = events.decode(old)
    assert isinstance(found, events.Failure)
    assert found.cause == verbatim("rank 0 {died}") and found.fix is None
    assert found.cause.in_language("zh") == "rank 0 {died}"


@pytest.mark.parametrize(
    "templates",
    [
        {"text": {"en": "a new sentence about {what}", "values": {"what": "x"}}},
        {"text": {"en": "{rank} exited with {code}", "values": {"rank": "rank 1"}}},
        {"text": {"en": "{speed:.1f} is too slow", "values": {"speed": "NaN"}}},
        {"text": {"en": "{rank.pid} exited", "values": {"rank": 7}}},
        {"text": {"en": "{", "values": {}}},
        {"text": {"en": "another sentence", "values": {}}},
        {"text": {"values": {}}},
        {"text": {"en": "no values"}},
        {"text": {"en": "values", "values": [1]}},
        {"text": 7},
        {"other": {}},
        [],
    ],
)
def test_templates_of_another_version_are_shown_in_english(templates: Any) -> None:
    said = "a new sentence about x"
    line = {"event": "notice", "at": 1, "kind": "later", "text": said, "templates": templates}
    found = events.decode(json.dumps(line))
    assert isinstance(found, events.Notice)
    assert (en(found.text), found.text.in_language("zh")) == (said, said)


def test_a_sentence_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="not an event"):
        events.decode('{"event": "notice", "at": 1, "kind": "change", "text": 7}')


def test_figures_that_are_not_numbers_do_not_matter() -> None:
    slow = Text("loss {loss:.4f}").filled(loss=float("nan"))
    found = events.decode(events.encode(events.Notice(1.0, "change", slow)))
    assert isinstance(found, events.Notice)
    assert found.text.in_language("zh") in ("loss nan", "损失 nan")


def test_a_status_and_a_warm_process() -> None:
    status = JobStatus("j", "lab", "failed", (), 1, 1.0, 1.0, "/o", cause=WHY)
    raw = json.loads(status.to_json())
    assert raw["cause"] == ENGLISH
    assert JobStatus.from_json(status.to_json()) == status
    del raw["templates"]
    assert JobStatus.from_json(json.dumps(raw)).cause == verbatim(ENGLISH)
    off = WarmState("off", "auto", 1, Text("warm is false in dsk.yaml"))
    assert json.loads(off.encode())["reason"] == "warm is false in dsk.yaml"
    assert WarmState.decode(off.encode()) == off
    old = WarmState.decode(b'{"state": "ready", "asked": "auto", "pid": 3, "reason": ""}')
    assert en(old.reason) == ""

"""Which events people are told, by the one table."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsk.text import Text
from dsk.wire.events import Accepted, Attempt, Event, Failure, Finished, Notice, Output, State
from dsk.wire.notifications import EVENTS, ROWS, Heard, duration, row_of
from dsk.wire.notify import Delivery, Message, Outcome, Target

FAILURE = Failure(1.0, Text("a cause"), node=1)
GUIDES = [
    Path(__file__).parents[3] / "docs/guide" / name
    for name in ("notifications.md", "notifications.zh-CN.md")
]


def finished(state: State) -> Finished:
    return Finished(1.0, state, 0, 3700.0, "/f", "/o")


@pytest.mark.parametrize(
    ("event", "name", "said"),
    [
        (Attempt(1.0, 0, (0, 1)), "started", ["nodes: node0, node1", "starts from the beginning"]),
        (Attempt(1.0, 2, (1,), "/o/checkpoint-8"), "restarted",
         ["cause: a cause", "nodes: node1", "resumes from /o/checkpoint-8"]),
        (finished("succeeded"), "ended", ["after 1 h 1 min", "output: /o"]),
        (finished("stopped"), "ended", ["after 1 h 1 min", "output: /o"]),
        (finished("failed"), "failed", ["after 1 h 1 min", "cause: a cause"]),
        (Notice(1.0, "stalled", Text("no progress")), "stalled", ["no progress"]),
        (Notice(1.0, "disk_low", Text("1 GiB free"), 3), "disk_low", ["1 GiB free"]),
    ],
)  # fmt: skip
def test_what_is_sent(event: Event, name: str, said: list[str]) -> None:
    row = row_of(event)
    assert row and row.name == name
    heard = Heard(event, FAILURE)
    assert [text.in_language("en") for text in row.lines(heard)] == said


@pytest.mark.parametrize(
    "event",
    [Accepted(1.0), FAILURE, Output(1.0, 0, 0, "x"), Notice(1.0, "not_notified", Text("x")),
     Notice(1.0, "change", Text("x"))],
)  # fmt: skip
def test_what_is_not_sent(event: Event) -> None:
    """The report of a lost message least of all."""
    assert row_of(event) is None


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_the_guide_explains_every_event(guide: Path) -> None:
    rows = [line.split("|")[1].strip() for line in guide.read_text("utf-8").splitlines()
            if line.startswith("| `")]  # fmt: skip
    named = [name.strip("`") for name in rows]
    assert [name for name in named if name in EVENTS] == list(EVENTS)


def test_no_two_rows_for_one_event() -> None:
    for event in (Attempt(1.0, 0, ()), finished("stopped"), Notice(1.0, "stalled", Text("x"))):
        assert sum(row.matches(event) for row in ROWS) == 1


def test_durations() -> None:
    assert list(map(duration, (4.2, 200, 93_900))) == ["4 s", "3 min 20 s", "26 h 5 min"]


def test_deliveries_and_outcomes_survive_the_way() -> None:
    target = Target("t", "command", ("failed",), command=("a", "b"))
    message = Message("failed", None, "lab", 1.0, "t", "x", node=0)
    delivery = Delivery(target, message, {"A": "错"})
    assert Delivery.from_json(delivery.to_json()) == delivery
    outcome = Outcome("t", Text("HTTP {code}").filled(code=500), again=True)
    assert Outcome.from_json(outcome.to_json()) == outcome
    for wrong in ("", "{}", "[]", '{"target": "t", "problem": 3, "again": true}'):
        with pytest.raises(ValueError):
            Outcome.from_json(wrong)


def test_no_credential_in_what_python_prints() -> None:
    target = Target("t", "slack", (), "https://x/secret", "signing")
    assert "secret" not in repr(target).replace("secret=", "") and "signing" not in repr(target)

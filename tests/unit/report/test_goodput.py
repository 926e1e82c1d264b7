"""Where a job's time went. The expected parts are added up by hand, not by the code under test."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest

from dsk.report.goodput import PARTS, Account, account
from dsk.text import verbatim
from dsk.wire.events import (
    Accepted,
    Attempt,
    Event,
    Exited,
    Failure,
    Finished,
    Notice,
    Output,
    Phase,
    Step,
    decode,
)


def step(at: float, phase: str, number: int | None = None) -> Step:
    return Step(at, phase, number, 100 if number is not None else None)


def finished(at: float, state: str = "succeeded") -> Finished:
    return Finished(at, state, 0, at, "/f", "/o")  # type: ignore[arg-type]


def parts(found: Account) -> dict[str, float]:
    return {part: round(found.of(part), 6) for part in PARTS if found.of(part)}


SIMPLE: list[Event] = [
    Phase(100, "starting", verbatim("connecting")),
    Accepted(101),
    Phase(102, "starting", verbatim("starting 2 ranks")),
    Attempt(103, 0, (0, 1)),
    Phase(105, "running", verbatim("")),
    step(106, "loading"),
    step(112, "tokenizing"),
    step(115, "training", 0),
    step(125, "training", 10),
    step(135, "training", 20),
    step(135, "evaluating", 20),
    step(140, "training", 20),
    step(150, "training", 30),
    step(150, "saving", 30),
    step(157, "ending", 30),
    Exited(158, 0, 0, 0),
    Exited(158, 1, 1, 0),
    finished(160),
]


def test_a_job_that_succeeds() -> None:
    found = account(SIMPLE, until=999)
    # start 100-105, load 105-115, steps 115-135 and 140-150, evaluation 135-140, save 150-157.
    expected = {"start": 5, "load": 10, "steps": 30, "evaluation": 5, "save": 7, "end": 3}
    assert parts(found) == expected
    assert (found.counted, found.lost, found.goodput) == (30, 0, 0.5)


def test_what_says_nothing_of_the_time_changes_nothing() -> None:
    noise: list[Event] = []
    for event in SIMPLE:
        noise += [Output(event.at, 0, 0, "x"), event, Notice(event.at, "change", verbatim("y"))]
    assert account(noise, until=0) == account(SIMPLE, until=0)


RESTARTED: list[Event] = [
    Phase(0, "starting", verbatim("")),
    Attempt(10, 0, (0,)),
    Phase(12, "running", verbatim("")),
    step(12, "loading"),
    step(20, "training", 0),
    step(40, "training", 20),
    step(40, "saving", 20),
    step(44, "training", 20),
    step(54, "training", 30),
    step(56, "evaluating", 32),
    step(59, "training", 32),
    Exited(65, 0, 0, -9, "SIGKILL"),
    Failure(66, verbatim("rank 0 was killed"), 0, 0, -9),
    Phase(66, "stopping", verbatim("")),
    step(67, "training", 38),
    Phase(70, "starting", verbatim("")),
    Attempt(72, 1, (0,), "/workspace/outputs/x/checkpoint-20"),
    Phase(73, "running", verbatim("")),
    step(74, "loading"),
    step(84, "training", 20),
    step(104, "training", 40),
    step(104, "ending", 40),
    finished(106),
]


def test_steps_that_a_later_attempt_repeats_do_not_count() -> None:
    found = account(RESTARTED, until=0)
    expected = {
        "start": 12,
        "load": 8,
        # 20-40 with steps 0 to 20, and the second attempt's 84-104.
        "steps": 40,
        "save": 4,
        # Everything after step 20 until the rank was killed: 44-65.
        "lost": 21,
        "restart": 19,
        "end": 2,
    }
    assert parts(found) == expected
    assert (found.counted, found.lost) == (40, 18)
    assert found.percents()["steps"] == pytest.approx(100 * 40 / 106, abs=0.1)


def test_an_interval_in_which_the_checkpoint_was_made_is_divided() -> None:
    events: list[Event] = [
        Attempt(0, 0, (0,)),
        step(0, "training", 0),
        step(30, "training", 30),
        Failure(30, verbatim("x")),
        Attempt(30, 1, (0,), "/o/checkpoint-20/"),
        step(30, "training", 20),
        step(40, "training", 30),
        finished(40),
    ]
    assert parts(account(events, until=0)) == {"steps": 30, "lost": 10}


def test_a_second_attempt_from_the_beginning_takes_everything_of_the_first() -> None:
    events = [
        Attempt(each.at, 1, (0,), None) if isinstance(each, Attempt) and each.number else each
        for each in RESTARTED
    ]
    found = account(events, until=0)
    # 20-65, with the save and the evaluation: the save was of step 20.
    assert parts(found)["lost"] == 45
    assert found.of("save") == 0


def test_a_third_attempt_from_an_older_checkpoint_takes_from_both_before() -> None:
    events: list[Event] = [
        Attempt(0, 0, (0,)),
        step(0, "training", 0),
        step(10, "training", 10),
        Failure(10, verbatim("x")),
        Attempt(10, 1, (0,), "/o/checkpoint-10"),
        step(10, "training", 10),
        step(20, "training", 20),
        Failure(20, verbatim("x")),
        Attempt(20, 2, (0,), "/o/checkpoint-5"),
        step(20, "training", 5),
        step(35, "training", 20),
        finished(35),
    ]
    found = account(events, until=0)
    assert parts(found) == {"steps": 20, "lost": 15}
    assert (found.counted, found.lost) == (20, 15)


def test_a_hang_is_no_step() -> None:
    events: list[Event] = [
        Attempt(0, 0, (0,)),
        step(0, "training", 0),
        step(10, "training", 10),
        step(20, "training", 20),
        Failure(320, verbatim("no progress")),
        Phase(320, "stopping", verbatim("")),
        finished(330, "failed"),
    ]
    # The step that was under way takes its second, the rest is a stall.
    assert parts(account(events, until=0)) == {"steps": 20, "lost": 1, "stall": 299, "end": 10}


def test_a_pause_that_ends_is_a_stall_but_a_slow_step_is_none() -> None:
    events: list[Event] = [
        Attempt(0, 0, (0,)),
        step(0, "training", 0),
        step(10, "training", 10),
        step(20, "training", 20),
        step(81, "training", 21),
        step(91, "training", 31),
        step(116, "training", 32),
        step(116, "ending", 32),
        finished(116),
    ]
    # 20-81: one step of a second. 91-116 is less than STALL_S.
    assert parts(account(events, until=0)) == {"steps": 56, "stall": 60}


def test_slow_steps_are_no_stalls() -> None:
    events: list[Event] = [Attempt(0, 0, (0,))]
    events += [step(90.0 * number, "training", number) for number in range(10)]
    assert parts(account(events, until=810)) == {"steps": 810}


def test_a_job_that_runs_is_counted_until_now() -> None:
    found = account(SIMPLE[:9], until=130)
    assert parts(found) == {"start": 5, "load": 10, "steps": 15}


def test_a_job_that_is_refused_has_no_goodput() -> None:
    events: list[Event] = [
        Phase(0, "starting", verbatim("")),
        Failure(3, verbatim("no model")),
        finished(4, "failed"),
    ]
    found = account(events, until=0)
    assert parts(found) == {"start": 3, "end": 1}
    assert found.goodput == 0


def test_a_first_step_that_is_never_done() -> None:
    events: list[Event] = [
        Attempt(0, 0, (0,)),
        step(0, "training", 0),
        Failure(5, verbatim("out of memory")),
        finished(5, "failed"),
    ]
    assert parts(account(events, until=0)) == {"lost": 5}


def test_a_job_of_a_version_without_attempts() -> None:
    events = [each for each in SIMPLE if not isinstance(each, Attempt | Accepted)]
    assert parts(account(events, until=0)) == parts(account(SIMPLE, until=0))


def test_a_clock_that_is_set_back_takes_no_time() -> None:
    events: list[Event] = [
        Attempt(100, 0, (0,)),
        step(100, "training", 0),
        step(110, "training", 10),
        step(50, "training", 20),
        step(115, "training", 30),
        finished(115),
    ]
    found = account(events, until=0)
    assert (found.seconds, found.of("steps")) == (15, 15)


def test_no_events() -> None:
    found = account([], until=7)
    assert (found.seconds, found.goodput, found.spans) == (0, None, ())
    assert sum(found.percents().values()) == 0


@pytest.mark.parametrize("seed", range(50))
def test_the_parts_of_any_job_are_all_of_its_time(seed: int) -> None:
    chance = random.Random(seed)
    now, done, events = 0.0, 0, [Phase(0, "starting", verbatim(""))]
    made: list[Event] = list(events)
    attempt = 0
    for _ in range(chance.randrange(60)):
        now += chance.choice((-3, 0, 0.1, 7, 11, 400))
        done += chance.randrange(-1, 9)
        phases = ("loading", "tokenizing", "training", "evaluating", "saving", "ending", "later")
        kind = chance.randrange(8)
        if kind < 4:
            made.append(step(now, chance.choice(phases), chance.choice((None, max(0, done)))))
        elif kind == 4:
            where = chance.choice((None, "/o/checkpoint-7", "/o/last"))
            made.append(Attempt(now, attempt, (0,), where))
            attempt += 1
        elif kind == 5:
            made.append(
                Phase(now, chance.choice(("starting", "running", "stopping")), verbatim(""))
            )
        elif kind == 6:
            made.append(Exited(now, 0, 0, chance.choice((0, 1))))
        else:
            made.append(Failure(now, verbatim("x")))
    if chance.randrange(2):
        made.append(finished(now))
    found = account(made, until=now)
    assert sum(found.of(part) for part in PARTS) == pytest.approx(found.seconds)
    for one, other in pairwise(found.spans):
        assert one.end == other.begin
    if found.seconds:
        assert sum(found.percents().values()) == pytest.approx(100, abs=1e-9)
        assert found.spans[0].begin == found.begin and found.spans[-1].end == found.end


def test_a_recorded_job() -> None:
    """Of two nodes that trained on CPUs, until a rank of the second was killed. Added up by hand
    from its events: running at 31.91 s, the first step at 123.69, a save from 142.49 to 144.50, an
    evaluation from 162.88 until the rank was killed at 163.26, the end at 164.54."""
    text = (Path(__file__).parent / "recorded/killed/events.jsonl").read_text("utf-8")
    found = account([decode(line) for line in text.splitlines()], until=0)
    expected = {
        "steps": 37.19, "start": 31.91, "load": 91.78, "evaluation": 0.38, "save": 2.01, "end": 1.27
    }  # fmt: skip
    assert {part: round(seconds, 2) for part, seconds in parts(found).items()} == expected
    assert (found.counted, found.lost) == (360, 0)

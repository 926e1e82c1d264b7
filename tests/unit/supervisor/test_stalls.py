"""When a job counts as hanging, by what its ranks say."""

from __future__ import annotations

from dsk.supervisor.stalls import Stalls
from dsk.wire import limits
from dsk.wire.progress import Progress, RankPhase


def at(phase: RankPhase, ticks: int, step: int | None = None) -> Progress:
    return Progress(phase, ticks, 0.0, step, 100)


def training(stalls: Stalls, *, steps: int, seconds: float, begin: float = 0.0) -> float:
    """Two ranks do `steps` steps; returns when the last one was."""
    for step in range(steps):
        for rank in (0, 1):
            stalls.heard(rank, at("training", step, step), begin + step * seconds)
    return begin + (steps - 1) * seconds


def test_ranks_that_say_nothing_are_taken_to_be_loading() -> None:
    stalls = Stalls({"loading": 10.0})
    assert stalls.check(1e9) is None  # none was started
    stalls.begin(5.0)
    assert stalls.check(15.0) is None
    stall = stalls.check(15.5)
    assert stall is not None
    assert (stall.phase, stall.seconds, stall.limit) == ("loading", 10.5, 10)


def test_what_ranks_print_counts_until_one_says_how_far_it_is() -> None:
    stalls = Stalls({"loading": 10.0})
    stalls.begin(0.0)
    stalls.printed(9.0)
    assert stalls.check(18.0) is None
    stalls.heard(0, at("loading", 3), 18.0)
    stalls.printed(27.0)
    assert stalls.check(29.0) is not None


def test_no_progress_for_longer_than_the_phases_limit() -> None:
    stalls = Stalls({"training": 20.0})
    last = training(stalls, steps=5, seconds=1.0)
    assert stalls.check(last + 20) is None
    stall = stalls.check(last + 21)
    assert stall is not None
    assert (stall.phase, stall.limit, stall.seconds) == ("training", 20, 21)


def test_one_rank_that_gets_on_is_enough() -> None:
    stalls = Stalls({"training": 20.0})
    last = training(stalls, steps=5, seconds=1.0)
    stalls.heard(1, at("training", 9, 5), last + 15)
    assert stalls.check(last + 30) is None
    assert stalls.check(last + 36) is not None


def test_saying_the_same_again_is_no_progress() -> None:
    stalls = Stalls({"loading": 10.0})
    stalls.heard(0, at("loading", 3), 0.0)
    stalls.heard(0, at("loading", 3), 9.0)
    assert stalls.check(10.5) is not None


def test_who_waits_for_a_rank_that_saves_has_that_ranks_limit() -> None:
    stalls = Stalls({"training": 20.0, "saving": 600.0})
    last = training(stalls, steps=5, seconds=1.0)
    stalls.heard(0, at("saving", 9, 4), last)
    assert stalls.check(last + 500) is None
    stall = stalls.check(last + 601)
    assert stall is not None and stall.phase == "saving"


def test_training_follows_the_jobs_own_steps() -> None:
    stalls = Stalls({})
    assert stalls.limit("training") == limits.FIRST_STEPS_S
    training(stalls, steps=10, seconds=1.0)
    assert stalls.limit("training") == limits.SHORTEST_S
    slow = Stalls({})
    training(slow, steps=10, seconds=60.0)
    assert slow.limit("training") == 600


def test_an_evaluation_between_two_steps_is_no_step_time() -> None:
    stalls = Stalls({})
    last = training(stalls, steps=10, seconds=20.0)
    stalls.heard(0, at("evaluating", 20, 9), last + 1)
    stalls.heard(0, at("training", 21, 10), last + 1000)
    assert stalls.limit("training") == 200


def test_no_limit() -> None:
    stalls = Stalls({"evaluating": None})
    stalls.heard(0, at("evaluating", 1), 0.0)
    stalls.heard(1, at("training", 1, 1), 0.0)
    assert stalls.check(1e9) is None


def test_ranks_that_have_ended_are_not_waited_for() -> None:
    stalls = Stalls({"training": 20.0, "ending": 1.0})
    stalls.heard(0, at("training", 1, 1), 0.0)
    stalls.ended(0)
    assert stalls.check(1e9) is None

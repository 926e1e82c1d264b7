"""Samples a second from the steps' ends."""

from __future__ import annotations

from dsk.rank.pace import STEPS, Pace


def test_the_first_step_says_nothing() -> None:
    pace = Pace()
    assert pace.step_done(100.0, 8) is None
    assert pace.step_done(102.0, 8) == 4.0


def test_a_pause_is_not_counted() -> None:
    pace = Pace()
    pace.step_done(0.0, 8)
    pace.step_done(1.0, 8)
    pace.pause()
    assert pace.step_done(500.0, 8) is None
    assert pace.step_done(502.0, 8) == 4.0


def test_only_the_last_steps_count() -> None:
    pace = Pace()
    slow = [pace.step_done(10.0 * number, 8) for number in range(5)]
    fast = [pace.step_done(40.0 + number, 8) for number in range(1, STEPS + 1)]
    assert slow[-1] == 0.8
    assert fast[-1] == 8.0

"""A micro-batch's seconds and those that an optimizer step adds."""

from __future__ import annotations

import pytest

from dsk.rank.timing import Step, enough, timing


def test_without_accumulation_a_step_is_one_batch() -> None:
    found = timing([Step((2.0,)), Step((4.0,))])
    assert (found.batch_s, found.step_s) == (3.0, 0.0)
    assert found.noise == pytest.approx(1.0 / 3.0)


def test_what_the_step_adds_is_told_apart() -> None:
    found = timing([Step((1.0, 1.5)), Step((1.0, 1.5)), Step((1.0, 1.5))])
    assert (found.batch_s, found.step_s, found.noise) == (1.0, 0.5, 0.0)


def test_a_last_batch_that_was_shorter_makes_no_negative_step() -> None:
    found = timing([Step((2.0, 1.0))])
    assert (found.batch_s, found.step_s) == (1.5, 0.0)


def test_enough() -> None:
    same = [Step((1.0,))] * 3
    assert not enough(same[:2], 6.0)
    assert enough(same, 6.0)
    assert not enough([Step((1.0,)), Step((2.0,)), Step((1.0,))], 6.0)
    assert enough([Step((1.0,)), Step((2.0,)), Step((4.0,))], 6.0)
    assert enough([Step((20.0,))], 6.0)
    assert not enough([], 6.0)

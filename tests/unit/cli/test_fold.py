"""Lines of several ranks as one, without mixing up any rank's own."""

from __future__ import annotations

import random

import pytest

from dsk.cli.fold import WINDOW_S, Fold, numbers
from dsk.wire.events import Output

Shown = tuple[tuple[int, ...], str]


def fold(world_size: int, *printed: tuple[float, int, str]) -> list[Shown]:
    """`printed`: when, by which rank, what."""
    lines = Fold(world_size)
    ready = []
    for at, rank, line in printed:
        ready += lines.push(Output(at, 0, rank, line), rank)
    ready += lines.flush()
    return [(tuple(sorted(each.ranks)), each.line) for each in ready]


def test_what_all_print_is_shown_once_and_at_once() -> None:
    lines = Fold(3)
    assert lines.push(Output(1.0, 0, 0, "a"), 0) == []
    assert lines.push(Output(1.1, 1, 2, "a"), 2) == []
    [shown] = lines.push(Output(1.2, 0, 1, "a"), 1)
    assert shown.ranks == {0, 1, 2}
    assert lines.flush() == []


def test_some_ranks_and_others() -> None:
    printed = [(1.0, 0, "loss"), (1.1, 1, "same"), (1.2, 2, "same"), (1.3, 0, "end")]
    assert fold(4, *printed) == [((0,), "loss"), ((1, 2), "same"), ((0,), "end")]


def test_a_line_waits_for_the_others_and_not_longer() -> None:
    lines = Fold(2)
    assert lines.push(Output(1.0, 0, 0, "a"), 0) == []
    assert lines.expire(1.0 + WINDOW_S / 2) == []
    [shown] = lines.expire(1.0 + WINDOW_S)
    assert shown.line == "a"
    late = fold(2, (1.0, 0, "a"), (1.5 + WINDOW_S, 1, "a"))
    assert late == [((0,), "a"), ((1,), "a")]


def test_the_time_of_day_and_torchs_prefix_make_no_difference() -> None:
    printed = [
        (1.0, 0, "[rank0]: Traceback"),
        (1.0, 1, "[rank1]: Traceback"),
        (1.1, 0, "[2026-11-25 01:02:03,004] [INFO] ready"),
        (1.1, 1, "[2026-11-25 01:02:03,107] [INFO] ready"),
        (1.2, 0, "step 1"),
        (1.2, 1, "step 2"),
    ]
    shown = fold(2, *printed)
    assert [ranks for ranks, _ in shown] == [(0, 1), (0, 1), (0,), (1,)]
    assert shown[0][1] == "[rank0]: Traceback"


def test_one_ranks_repeated_line_stays_repeated() -> None:
    assert fold(2, (1.0, 0, "a"), (1.1, 0, "a")) == [((0,), "a"), ((0,), "a")]


@pytest.mark.parametrize("seed", range(20))
def test_every_line_is_shown_once_and_each_rank_keeps_its_order(seed: int) -> None:
    made = random.Random(seed)
    printed, at = [], 0.0
    for _ in range(400):
        at += made.random() * 0.1
        printed.append((at, made.randrange(4), made.choice("abcdef")))
    shown = fold(4, *printed)
    for rank in range(4):
        own = [line for _, each, line in printed if each == rank]
        assert [line for ranks, line in shown if rank in ranks] == own
    assert len(shown) < len(printed)


@pytest.mark.parametrize(
    ("ranks", "text"),
    [({0}, "0"), ({0, 1, 2, 5}, "0-2,5"), ({7, 1, 3}, "1,3,7"), (set(range(64)), "0-63")],
)
def test_ranks_in_short(ranks: set[int], text: str) -> None:
    assert numbers(ranks) == text

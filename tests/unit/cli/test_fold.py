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


def batches(*ranks: list[str]) -> list[tuple[float, int, str]]:
    """Each rank's lines at once, a few milliseconds after those of the rank before."""
    return [(1.0 + rank / 200, rank, line) for rank, lines in enumerate(ranks) for line in lines]


def test_nodes_whose_lines_arrive_one_after_the_other() -> None:
    """443 lines came twice: the line that names the rank was put after all others' lines."""
    common = [f"[INFO] line {n}" for n in range(443)]
    shown = fold(2, *batches(["rank: 0", *common], ["rank: 1", *common]))
    assert shown == [((0,), "rank: 0"), ((1,), "rank: 1"), *(((0, 1), line) for line in common)]


def test_a_line_that_one_rank_prints_early_and_another_late() -> None:
    common = [f"line {n}" for n in range(40)]
    printed = batches([*common, "warnings.warn("], ["a warning", "warnings.warn(", *common])
    assert fold(2, *printed) == [
        ((1,), "a warning"),
        ((1,), "warnings.warn("),
        *(((0, 1), line) for line in common),
        ((0,), "warnings.warn("),
    ]
    printed = batches(["early", *common], [*common, "early"])
    assert fold(2, *printed) == [
        ((0,), "early"),
        *(((0, 1), line) for line in common),
        ((1,), "early"),
    ]


def test_two_tracebacks_that_differ_inside() -> None:
    printed = batches(["Traceback", "a", "forward", "Error 0"], ["Traceback", "b", "forward", "E"])
    assert fold(2, *printed) == [
        ((0, 1), "Traceback"),
        ((0,), "a"),
        ((1,), "b"),
        ((0, 1), "forward"),
        ((0,), "Error 0"),
        ((1,), "E"),
    ]


@pytest.mark.parametrize("ranks", [2, 3, 8])
def test_the_order_of_arrival_makes_little_difference(ranks: int) -> None:
    common = [f"line {n % 97}" for n in range(300)]
    own = [[f"rank: {rank}", *common[:100], f"{rank}!", *common[100:]] for rank in range(ranks)]
    assert len(fold(ranks, *batches(*own))) == 300 + 2 * ranks


def test_a_line_that_is_moved_makes_none_wait_longer() -> None:
    lines = Fold(2)
    lines.push(Output(1.0, 0, 0, "a"), 0)
    lines.push(Output(1.0, 0, 0, "b"), 0)
    lines.push(Output(1.0 + WINDOW_S / 2, 1, 1, "own"), 1)
    lines.push(Output(1.0 + WINDOW_S / 2, 1, 1, "b"), 1)
    assert [each.line for each in lines.expire(1.0 + WINDOW_S)] == ["a", "own", "b"]


@pytest.mark.parametrize("seed", range(20))
def test_each_rank_keeps_its_order_however_lines_are_moved(seed: int) -> None:
    made = random.Random(seed)
    own: list[list[str]] = [[made.choice("abcdefghij") for _ in range(60)] for _ in range(3)]
    shown = fold(3, *batches(*own))
    for rank in range(3):
        assert [line for ranks, line in shown if rank in ranks] == own[rank]


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

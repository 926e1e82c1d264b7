"""The samples of a measurement: the longest first, then batches that are typical."""

from __future__ import annotations

import random
from statistics import mean

import pytest

from dsk.rank import feed


def lengths_of(count: int) -> list[int]:
    chance = random.Random(5)
    return [min(1024, 20 + int(chance.expovariate(1 / 150))) for _ in range(count)]


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("micro", [1, 4, 48])
def test_every_rank_begins_with_the_longest(micro: int, ranks: int) -> None:
    lengths = lengths_of(500)
    order = feed.arrange(lengths, typical=500, micro=micro, ranks=ranks, warm_up=2, timed=3)
    assert len(order) == (2 + 3) * ranks * micro
    longest = sorted(lengths, reverse=True)[:micro]
    for batch in range(2 * ranks):
        taken = [lengths[each] for each in order[batch * micro : (batch + 1) * micro]]
        assert sorted(taken, reverse=True) == longest


@pytest.mark.parametrize("micro", [1, 2, 8, 64])
def test_the_timed_batches_are_padded_as_random_ones(micro: int) -> None:
    """The longest of a batch decides how long it takes: a few batches give the same mean as
    thousands of random ones."""
    lengths = lengths_of(2000)
    chance = random.Random(1)
    expected = mean(max(chance.choices(lengths, k=micro)) for _ in range(4000))
    order = feed.arrange(lengths, typical=2000, micro=micro, ranks=1, warm_up=0, timed=12)
    batches = [order[begin : begin + micro] for begin in range(0, len(order), micro)]
    assert mean(max(lengths[each] for each in batch) for batch in batches) == pytest.approx(
        expected, rel=0.12
    )


def test_all_samples_of_a_batch_are_typical() -> None:
    lengths = lengths_of(2000)
    order = feed.arrange(lengths, typical=2000, micro=16, ranks=1, warm_up=0, timed=12)
    assert mean(lengths[each] for each in order) == pytest.approx(mean(lengths), rel=0.05)


def test_fewer_samples_than_a_batch() -> None:
    order = feed.arrange([5, 9], typical=2, micro=4, ranks=1, warm_up=1, timed=1)
    assert order[:4] == [1, 0, 1, 0]
    assert len(order) == 8


def test_the_longest_are_not_timed() -> None:
    order = feed.arrange([1, 2, 900], typical=2, micro=1, ranks=1, warm_up=1, timed=4)
    assert order[0] == 2
    assert 2 not in order[1:]


def test_choose_takes_typical_ones_and_the_longest() -> None:
    sizes = lengths_of(5000)
    typical, longest = feed.choose(sizes, 200, 100)
    assert sorted(sizes[each] for each in longest) == sorted(sizes)[-100:]
    assert mean(sizes[each] for each in typical) == pytest.approx(mean(sizes), rel=0.03)


def test_choose_takes_all_of_a_few() -> None:
    assert feed.choose([3, 1, 2], 100, 200) == ([0, 1, 2], [])
    assert feed.choose([3, 1, 2, 7], 2, 0)[1] == []

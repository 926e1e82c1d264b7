"""Which samples a measurement trains on, and in which order. Pure.

Steps of a training differ with the length of their samples. So that a few steps are enough, the
first ones get the longest samples, which need the most memory, and those that are timed get batches
that are typical: their longest samples are spread over what a random batch's longest sample can be.
"""

from __future__ import annotations

from collections.abc import Sequence

GOLDEN = 0.6180339887498949
"""Multiples of it, without their whole part, are spread evenly however many are taken."""


def choose(sizes: Sequence[int], count: int, longest: int) -> tuple[list[int], list[int]]:
    """Positions of `count` sizes that are typical of all, and of the `longest` largest, which are
    none where the first are all that there are."""
    order = sorted(range(len(sizes)), key=lambda position: sizes[position])
    if len(order) <= count:
        return list(range(len(sizes))), []
    step = len(order) / count
    typical = [order[int((number + 0.5) * step)] for number in range(count)]
    return sorted(typical), sorted(order[-longest:]) if longest else []


def arrange(
    lengths: Sequence[int],
    *,
    typical: int,
    micro: int,
    ranks: int,
    warm_up: int,
    timed: int,
) -> list[int]:
    """Positions in the order in which the trainer is to take them: batches of `micro` go to the
    ranks in turn. `warm_up` rounds of the longest, then `timed` of typical ones, which are the
    first `typical` of all. Any position may come more than once."""
    by_length = sorted(range(len(lengths)), key=lambda position: lengths[position])
    longest = [by_length[-1 - number % len(by_length)] for number in range(micro)]
    order = longest * (warm_up * ranks)
    sorted_typical = sorted(range(typical), key=lambda position: lengths[position])
    for number in range(timed * ranks):
        order += _batch(sorted_typical, micro, share=(0.5 + number * GOLDEN) % 1.0)
    return order


def _batch(by_length: Sequence[int], micro: int, share: float) -> list[int]:
    """A batch whose longest sample is as long as, in that share of random batches, the longest is
    at most; the others are spread evenly below it."""
    top = min(len(by_length) - 1, int(share ** (1.0 / micro) * len(by_length)))
    below = [int((number + 0.5) / (micro - 1) * (top + 1)) for number in range(micro - 1)]
    return [by_length[top], *(by_length[position] for position in below)]

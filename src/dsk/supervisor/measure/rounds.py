"""Which pairs send data at the same time. Pure. docs/decisions/0017-mesh.md says why so many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

MOST_ROUNDS = 7


def rounds(nodes: Sequence[T], most: int = MOST_ROUNDS) -> list[list[tuple[T, T]]]:
    """Rounds of disjoint pairs: every pair once where `most` rounds are enough for that, otherwise
    every node with `most` others.

    The circle method of round-robin tournaments: the first stays, the others go round.
    """
    circle: list[T | None] = [*nodes]
    if len(circle) % 2:
        circle.append(None)  # its partner has a rest
    found = []
    for _ in range(min(len(circle) - 1, most)):
        half = len(circle) // 2
        opposite = zip(circle[:half], reversed(circle[half:]), strict=True)
        found.append([(a, b) for a, b in opposite if a is not None and b is not None])
        circle = [circle[0], circle[-1], *circle[1:-1]]
    return found

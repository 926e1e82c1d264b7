"""Of many bad pairs, the nodes that explain them: one loose cable is one finding, not sixty."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from dsk.checks.network.facts import Pair


@dataclass(frozen=True)
class Groups:
    """`everywhere`: every pair that was measured is bad. Otherwise all is bad that these nodes
    send (`senders`) or get (`receivers`), and so are single `pairs` beside that."""

    everywhere: bool = False
    senders: tuple[int, ...] = ()
    receivers: tuple[int, ...] = ()
    pairs: tuple[Pair, ...] = ()


def group(bad: Collection[Pair], measured: Collection[Pair]) -> Groups:
    """`bad` is part of `measured`. A node is to blame where at least two of its pairs are bad, in
    one direction, and none is good."""
    if not bad:
        return Groups()
    if len(bad) == len(measured):
        return Groups(everywhere=True)
    left = set(bad)
    senders = _to_blame(left, measured, 0)
    left = {pair for pair in left if pair[0] not in senders}
    receivers = _to_blame(left, measured, 1)
    left = {pair for pair in left if pair[1] not in receivers}
    return Groups(False, senders, receivers, tuple(sorted(left)))


def _to_blame(bad: Collection[Pair], measured: Collection[Pair], side: int) -> tuple[int, ...]:
    found = []
    for node in sorted({pair[side] for pair in bad}):
        mine = [pair for pair in measured if pair[side] == node]
        if len(mine) > 1 and all(pair in bad for pair in mine):
            found.append(node)
    return tuple(found)

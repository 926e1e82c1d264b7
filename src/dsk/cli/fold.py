"""Lines that several ranks print at about the same time, as one."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from dsk.wire.events import Output

WINDOW_S = 1.0
"""A line waits this long for other ranks to print it too."""
MOVES_TRIED = 3
"""For each line, so that a flood of equal ones does not slow dsk down."""
_VARIES = re.compile(r"^\[rank\d+\]:? ?|\d\d:\d\d:\d\d(?:[.,]\d+)?")
"""torch's prefix and the time of day: lines that differ in them alone are equal."""


@dataclass(eq=False)
class Folded:
    """A line and the ranks that printed it; `line` and `node` are the first one's. `place` grows in
    the order in which lines are shown."""

    place: int
    at: float
    node: int | None
    line: str
    ranks: set[int] = field(default_factory=set)


class Fold:
    """Lines of a job with `world_size` ranks go in by the supervisor's clock (seconds). Each rank's
    own lines come out in their order; lines of different ranks come out in the order in which they
    were first printed, except where another order within WINDOW_S lets more lines become one.

    One node's lines often arrive at once, before another's. A line that only the later rank prints
    is therefore placed before the equal line that follows it, not after all that has arrived.
    """

    def __init__(self, world_size: int) -> None:
        self._world_size = world_size
        self._waiting: deque[Folded] = deque()
        """Neither `place` nor `at` ever falls from one to the next."""
        self._equal: defaultdict[str, list[Folded]] = defaultdict(list)
        """Those that wait, by what makes them equal, in their order."""
        self._last: dict[int, Folded] = {}
        """The newest line of each rank, waiting or not."""
        self._made = 0

    def push(self, event: Output, rank: int) -> list[Folded]:
        """What is ready with this line, or by its time."""
        ready = self.expire(event.at)
        found = self._joinable(_key(event.line), rank)
        if found is None:
            found = Folded(self._made, event.at, event.node, event.line)
            self._made += 1
            self._waiting.append(found)
            self._equal[_key(event.line)].append(found)
        found.ranks.add(rank)
        self._last[rank] = found
        while self._waiting and len(self._waiting[0].ranks) == self._world_size:
            ready.append(self._next())
        return ready

    def expire(self, at: float) -> list[Folded]:
        """What has waited for its time."""
        ready = []
        while self._waiting and self._waiting[0].at <= at - WINDOW_S:
            ready.append(self._next())
        return ready

    def flush(self) -> list[Folded]:
        """Everything, at once."""
        return [self._next() for _ in range(len(self._waiting))]

    def _joinable(self, key: str, rank: int) -> Folded | None:
        """The first waiting line that equals the rank's next one and can come after all of its
        others."""
        equal = self._equal.get(key, [])
        last = self._last.get(rank)
        after = bisect_right(equal, last.place if last else -1, key=_place)
        if after < len(equal):
            return equal[after]
        before = (each for each in equal if rank not in each.ranks)
        tried = islice(before, MOVES_TRIED)
        return next((each for each in tried if self._move_before(each, rank)), None)

    def _move_before(self, line: Folded, rank: int) -> bool:
        """Whether the rank's own lines now come before `line`. Those that it shares with others,
        which then stay with the others alone, are given up only where more may be won: the lines
        that it skipped when it joined the first of them."""
        following = [each for each in self._waiting if each.place > line.place]
        own = [each for each in following if rank in each.ranks]
        shared = [each for each in own if len(each.ranks) > 1]
        skipped = sum(each.place < own[0].place for each in following)
        if shared and skipped <= len(shared):
            return False
        moved = [self._own_copy(each, rank) for each in own]
        for each in moved:
            each.at = min(each.at, line.at)
        gone = set(map(id, moved))
        order: deque[Folded] = deque()
        for each in self._waiting:
            if each is line:
                order.extend(moved)
            if id(each) not in gone:
                order.append(each)
        first = self._waiting[0].place
        for place, each in enumerate(order, first):
            each.place = place
        self._made = first + len(order)
        self._waiting = order
        for key in {_key(each.line) for each in moved}:
            self._equal[key].sort(key=_place)
        return True

    def _own_copy(self, line: Folded, rank: int) -> Folded:
        """The line as the rank's alone."""
        if line.ranks == {rank}:
            return line
        line.ranks.remove(rank)
        own = Folded(line.place, line.at, line.node, line.line, {rank})
        self._equal[_key(line.line)].append(own)
        return own

    def _next(self) -> Folded:
        folded = self._waiting.popleft()
        key = _key(folded.line)
        self._equal[key].remove(folded)
        if not self._equal[key]:
            del self._equal[key]
        return folded


def _place(line: Folded) -> int:
    return line.place


def _key(line: str) -> str:
    """The same for lines that count as equal."""
    return _VARIES.sub("", line)


def numbers(ranks: Iterable[int]) -> str:
    """`0-2,5`."""
    spans: list[list[int]] = []
    for rank in sorted(ranks):
        if spans and rank == spans[-1][1] + 1:
            spans[-1][1] = rank
        else:
            spans.append([rank, rank])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)

"""Lines that several ranks print at about the same time, as one."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from dsk.wire.events import Output

WINDOW_S = 1.0
"""So long a line waits for other ranks to print it too."""
_VARIES = re.compile(r"^\[rank\d+\]:? ?|\d\d:\d\d:\d\d(?:[.,]\d+)?")
"""torch's prefix and the time of day: lines that differ in them alone are equal."""


@dataclass
class Folded:
    """A line and the ranks that printed it; `line` and `node` are the first one's."""

    number: int
    at: float
    node: int | None
    line: str
    ranks: set[int] = field(default_factory=set)


class Fold:
    """Lines of a job with `world_size` ranks go in by the supervisor's clock (seconds), and come
    out in the order of their first printing. Each rank's own lines stay in their order."""

    def __init__(self, world_size: int) -> None:
        self._world_size = world_size
        self._waiting: deque[Folded] = deque()
        self._equal: defaultdict[str, list[Folded]] = defaultdict(list)
        self._joined: dict[int, int] = {}
        self._made = 0

    def push(self, event: Output, rank: int) -> list[Folded]:
        """What is ready with this line, or by its time."""
        ready = self.expire(event.at)
        key = _VARIES.sub("", event.line)
        after = self._joined.get(rank, -1)
        found = next((each for each in self._equal[key] if each.number > after), None)
        if found is None:
            found = Folded(self._made, event.at, event.node, event.line)
            self._made += 1
            self._waiting.append(found)
            self._equal[key].append(found)
        found.ranks.add(rank)
        self._joined[rank] = found.number
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

    def _next(self) -> Folded:
        folded = self._waiting.popleft()
        key = _VARIES.sub("", folded.line)
        self._equal[key].remove(folded)
        if not self._equal[key]:
            del self._equal[key]
        return folded


def numbers(ranks: Iterable[int]) -> str:
    """`0-2,5`."""
    spans: list[list[int]] = []
    for rank in sorted(ranks):
        if spans and rank == spans[-1][1] + 1:
            spans[-1][1] = rank
        else:
            spans.append([rank, rank])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)

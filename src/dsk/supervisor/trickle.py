"""The ranks' lines at a pace that one supervisor keeps up with, however many ranks there are."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dsk.supervisor.heard import Heard, Lines

LINES_PER_S = 8000
"""Of all ranks together. An agent passes on 200 of each rank (docs/logs.md): up to 40 ranks may
print as much as that at the same time."""
AT_ONCE = 2000
"""Of one rank: as many as an agent passes on at once."""
ENOUGH = 20
"""Lines of room before a rank that was shut out is heard again."""


@dataclass
class _Rank:
    room: float
    at: float
    left_out: int = 0


class Trickle:
    """Hands on what it is told, from any thread, but of each rank's lines no more than its share.

    Without it, hundreds of ranks that print in a loop would fill the supervisor's memory. Every
    rank has a share of its own, so that the traceback of one is not lost in the flood of others.
    """

    def __init__(
        self,
        tell: Callable[[Heard], None],
        world_size: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell = tell
        self._per_s = LINES_PER_S / max(1, world_size)
        self._clock = clock
        self._ranks: dict[int, _Rank] = {}
        self._guard = threading.Lock()

    def tell(self, message: Heard) -> None:
        if isinstance(message, Lines):
            with self._guard:
                lines = tuple(self._some(message.lines))
            message = Lines(message.node, lines)
            if not lines:
                return
        self._tell(message)

    def _some(self, lines: tuple[tuple[int, str], ...]) -> Iterator[tuple[int, str]]:
        now = self._clock()
        for rank, line in lines:
            own = self._ranks.setdefault(rank, _Rank(AT_ONCE, now))
            own.room = min(AT_ONCE, own.room + (now - own.at) * self._per_s)
            own.at = now
            if own.room < (ENOUGH if own.left_out else 1):
                own.left_out += 1
                continue
            if own.left_out:
                text = f"dsk: {own.left_out} lines are left out here: the ranks print too much"
                yield rank, f"{text}; rank{rank}.log on its node has them"
                own.left_out = 0
            own.room -= 1
            yield rank, line

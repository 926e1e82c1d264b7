"""Does the job still make progress? Pure: what ranks report goes in, with the time."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from dsk.wire import limits
from dsk.wire.progress import Progress, RankPhase

STEPS_KEPT = 20
STEPS_NEEDED = 3


@dataclass(frozen=True)
class Stall:
    """No rank has made any progress for `seconds`, more than the `limit` of `phase`."""

    phase: RankPhase
    seconds: float
    limit: float


class Stalls:
    """Times are of one clock, in seconds. Progress of any rank counts: one may save or evaluate
    while the others wait for it; and one that hangs soon stops them all. So the longest limit
    counts, of the phases that ranks are in.

    Until a rank has said how far it is, all are taken to be loading, and what they print is their
    progress: they may have no place to say it.
    """

    def __init__(self, settings: Mapping[str, float | None]) -> None:
        self._settings = settings
        self._now: dict[int, Progress] = {}
        self._gone: set[int] = set()
        self._moved: float | None = None
        self._silent = True
        self._step: tuple[int, float] | None = None
        self._step_times: deque[float] = deque(maxlen=STEPS_KEPT)

    def begin(self, now: float) -> None:
        """The ranks have been started."""
        self._moved = now

    def printed(self, now: float) -> None:
        """A rank has."""
        if self._silent:
            self._moved = now

    def heard(self, rank: int, progress: Progress, now: float) -> None:
        self._silent = False
        if rank in self._gone:  # by a report from before its end
            return
        before = self._now.get(rank)
        self._now[rank] = progress
        if before is None or _mark(before) != _mark(progress):
            self._moved = now
        if progress.phase != "training" or progress.step is None:
            # A step that an evaluation or a save lies in says nothing of the others.
            self._step = None
        elif self._step is None:
            self._step = (progress.step, now)
        elif progress.step > self._step[0]:
            step, at = self._step
            self._step_times.append((now - at) / (progress.step - step))
            self._step = (progress.step, now)

    def ended(self, rank: int) -> None:
        self._gone.add(rank)
        self._now.pop(rank, None)

    def check(self, now: float) -> Stall | None:
        phases: set[RankPhase] = {progress.phase for progress in self._now.values()}
        if self._silent:
            phases = {"loading"}
        if self._moved is None or not phases:
            return None
        by_limit = {phase: self.limit(phase) for phase in phases}
        longest = max(by_limit, key=lambda phase: _or_ever(by_limit[phase]))
        limit, seconds = by_limit[longest], now - self._moved
        return Stall(longest, seconds, limit) if limit is not None and seconds > limit else None

    def limit(self, phase: RankPhase) -> float | None:
        """None: the user wants none."""
        if phase in self._settings:
            return self._settings[phase]
        if phase != "training":
            return limits.DEFAULTS[phase]
        if len(self._step_times) < STEPS_NEEDED:
            return limits.FIRST_STEPS_S
        return max(limits.SHORTEST_S, limits.STEP_TIMES * median(self._step_times))


def _mark(progress: Progress) -> tuple[object, ...]:
    return progress.phase, progress.ticks, progress.step


def _or_ever(limit: float | None) -> float:
    return float("inf") if limit is None else limit

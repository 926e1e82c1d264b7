"""How fast the steps come."""

from __future__ import annotations

from collections import deque

STEPS = 20
"""A mean over so many: steps differ with the length of their sequences."""


class Pace:
    def __init__(self) -> None:
        self._ends: deque[float] = deque(maxlen=STEPS + 1)

    def step_done(self, now: float, samples: int) -> float | None:
        """Samples a second where each step takes `samples`; None until two steps in a row are done.
        From one step's end to the next: waiting for data counts, the first step's start-up does
        not. `now` in seconds of any steady clock."""
        self._ends.append(now)
        steps, seconds = len(self._ends) - 1, now - self._ends[0]
        return samples * steps / seconds if seconds > 0 else None

    def pause(self) -> None:
        """What comes until the next step is no training."""
        self._ends.clear()

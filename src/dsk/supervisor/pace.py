"""How long the training will still take, by the steps so far."""

from __future__ import annotations


class Pace:
    """Counts from the first step that it sees: what came before was start-up."""

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None
        self._last: tuple[int, float] | None = None

    def seen(self, step: int | None, now: float) -> None:
        """`now` in seconds. A step that goes back is another attempt's."""
        if step is None or (self._last and step == self._last[0]):
            return
        if self._first is None or self._last is None or step < self._last[0]:
            self._first = (step, now)
        self._last = (step, now)

    @property
    def each(self) -> float | None:
        """Seconds that a step took, in the mean; None while there is nothing to tell it by."""
        if self._first is None or self._last is None or self._last[0] == self._first[0]:
            return None
        return (self._last[1] - self._first[1]) / (self._last[0] - self._first[0])

    def left(self, steps: int | None, now: float) -> float | None:
        """Seconds until `steps` are done; None while there is nothing to tell it by."""
        each = self.each
        if steps is None or self._last is None or each is None:
            return None
        return max(0.0, (steps - self._last[0]) * each - (now - self._last[1]))

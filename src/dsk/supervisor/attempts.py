"""The attempts of a job, one after another."""

from __future__ import annotations

from collections.abc import Callable

from dsk.supervisor.attempt import Attempt
from dsk.supervisor.interrupts import Interrupts
from dsk.supervisor.verdict import Judge, verdict
from dsk.wire.events import Failure


class Attempts:
    """`make` gives the attempt of a number; attempts count from 0."""

    def __init__(
        self, make: Callable[[int], Attempt], interrupts: Interrupts, judge: Judge = verdict
    ) -> None:
        self._make = make
        self._interrupts = interrupts
        self._judge = judge
        self._current: Attempt | None = None

    def run(self) -> Failure | None:
        """Why the last attempt failed, None where it succeeded. What is left of it is still to be
        ended: that can take a while, and the failure is told first.

        Raises DskError, or Interrupted, which a signal can cause in any attempt and between them.
        """
        number = 0
        while True:
            attempt = self._current = self._make(number)
            attempt.start()
            found = attempt.watch()
            # From here on a signal must not cut off the end of this attempt.
            self._interrupts.hold()
            if end := self._judge(attempt.explain(found)):
                self._interrupts.settle()
                return end.failure
            attempt.end()
            self._interrupts.release()
            number += 1

    def end(self) -> None:
        """End what is left of the last attempt on every node."""
        if self._current:
            self._current.end()

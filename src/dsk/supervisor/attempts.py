"""The attempts of a job, one after another."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from dsk.errors import Unreachable
from dsk.supervisor.attempt import Attempt
from dsk.supervisor.interrupts import Interrupts
from dsk.supervisor.ledger import Fault, Ledger, fault_of
from dsk.supervisor.record import Record
from dsk.supervisor.verdict import End, Restart, verdict
from dsk.text import Text
from dsk.wire.events import Failure, Notice

_RESTART = Text("restart {number} follows, from the newest complete checkpoint")
_RESTART_OF = Text("restart {number} of {most} follows, from the newest complete checkpoint")


@dataclass(frozen=True)
class _Ended:
    """`failure` None: every rank has succeeded. `fault` None: nothing that another attempt could
    change."""

    failure: Failure | None
    fault: Fault | None


class Attempts:
    """`make` gives the attempt of a number; attempts count from 0. For a later one it first makes
    the nodes ready. `began_at` is the step that the first attempt begins with, `most` as in
    JobSpec.max_restarts."""

    def __init__(
        self,
        make: Callable[[int], Attempt],
        interrupts: Interrupts,
        record: Record,
        *,
        most: int | None,
        began_at: int = 0,
    ) -> None:
        self._make = make
        self._interrupts = interrupts
        self._record = record
        self._most = most
        self._began_at = began_at
        self._current: Attempt | None = None
        self._furthest = began_at
        self._ledger = Ledger()

    def run(self) -> Failure | None:
        """Why the last attempt failed, None where it succeeded. What is left of it is still to be
        ended: that can take a while, and the failure is told first.

        Raises DskError, or Interrupted, which a signal can cause in any attempt and between them.
        """
        number = 0
        while True:
            ended = self._one(number)
            follows = verdict(ended.failure, ended.fault, self._ledger, number, self._most)
            if isinstance(follows, End):
                self._interrupts.settle()
                if follows.why:
                    self._tell(Notice(time.time(), "no_restart", follows.why))
                return follows.failure
            assert ended.failure is not None  # noqa: S101 - a restart has a reason
            self._record.tell(ended.failure)
            self._tell(self._announced(follows))
            self._ledger = follows.ledger
            self.end()
            self._interrupts.release()
            number = follows.number

    def end(self) -> None:
        """End what is left of the last attempt on every node."""
        if self._current:
            self._current.end()

    def _one(self, number: int) -> _Ended:
        """Signals are held when it returns: they must not cut off the end of the attempt."""
        try:
            attempt = self._current = self._make(number)
            attempt.start()
            found = attempt.watch()
        except Unreachable as error:
            # Only a node that was there before can come back.
            if number == 0:
                raise
            self._interrupts.hold()
            return _Ended(_failure(error), Fault("unreachable"))
        self._interrupts.hold()
        failure = attempt.explain(found)
        if failure is None or found is None:
            return _Ended(None, None)
        step = attempt.step_of(failure.rank)
        self._furthest = max(self._furthest, attempt.step_of(None) or 0)
        trained = self._furthest > self._began_at
        return _Ended(failure, fault_of(failure, found, step, trained=trained))

    def _announced(self, follows: Restart) -> Notice:
        text = (_RESTART if self._most is None else _RESTART_OF).filled(
            number=follows.number, most=self._most
        )
        return Notice(time.time(), "restart", text)

    def _tell(self, notice: Notice) -> None:
        self._record.tell(notice)


def _failure(error: Unreachable) -> Failure:
    return Failure(time.time(), error.located, fix=error.remedy)

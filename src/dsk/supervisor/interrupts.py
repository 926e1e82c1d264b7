"""Signals that end a job: when they take effect, and when they come too late."""

from __future__ import annotations


class Interrupted(BaseException):
    """Raised in the main thread by a signal that ends the job."""


class StopRequested(Interrupted):
    """By the user."""


class Terminated(Interrupted):
    """By the engine or the server that the supervisor runs on."""


class Interrupts:
    """The first signal raises, in the main thread, and later ones change nothing. While they are
    held, the first one is kept, and raises at `release`. After `settle` none raises: the job's
    outcome is known, and nothing may cut off its end or replace its reason."""

    def __init__(self) -> None:
        self._settled = False
        self._held = False
        self._kept: Interrupted | None = None

    def interrupt(self, why: Interrupted) -> None:
        """For a signal's handler, in the main thread."""
        if self._settled:
            return
        if self._held:
            self._kept = self._kept or why
            return
        self._settled = True
        raise why

    def hold(self) -> None:
        self._held = True

    def release(self) -> None:
        self._held = False
        if self._kept and not self._settled:
            self._settled = True
            raise self._kept

    def settle(self) -> None:
        self._settled = True

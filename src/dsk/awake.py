"""A clock that stops while this process is stopped. Standard library only; every room may use it.

SIGSTOP, `docker pause`, a virtual machine that migrates: nobody can ask or answer in that time, so
no limit on somebody else's answer may count it.
"""

from __future__ import annotations

import os
import threading
import time

TICK_S = 0.25
MOST_S = 1.0
"""A tick that comes later than this is the end of a pause. The pause counts as this long."""


class _Clock:
    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._ticked = time.monotonic()
        self._paused = 0.0
        threading.Thread(target=self._tick, daemon=True).start()

    def now(self) -> float:
        with self._guard:
            return self._at(time.monotonic())

    def _at(self, real: float) -> float:
        # Right after a pause other threads may run before the one that ticks.
        return min(real, self._ticked + MOST_S) - self._paused

    def _tick(self) -> None:
        while True:
            time.sleep(TICK_S)
            with self._guard:
                real = time.monotonic()
                self._paused = real - self._at(real)
                self._ticked = real


_clock: _Clock | None = None
_making = threading.Lock()


def now() -> float:
    """Seconds, as time.monotonic() without the pauses of this process. A pause is found afterwards,
    by a thread that could not run; one of up to MOST_S counts as time."""
    global _clock  # noqa: PLW0603 - one clock a process
    if _clock is None:
        with _making:
            _clock = _clock or _Clock()
    return _clock.now()


def _forget() -> None:
    """A forked process has no thread that ticks."""
    global _clock, _making
    _clock, _making = None, threading.Lock()


os.register_at_fork(after_in_child=_forget)

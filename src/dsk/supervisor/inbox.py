"""The one queue of an attempt: what was heard, with the moment when it was heard."""

from __future__ import annotations

import contextlib
import queue

from dsk import awake
from dsk.supervisor.heard import Heard


class Inbox:
    """Messages come from any thread; one thread takes them. Times are of dsk.awake: whoever takes a
    message late still learns when it arrived."""

    def __init__(self) -> None:
        # Not a Queue: its lock could be left locked by a signal that ends the job.
        self._messages: queue.SimpleQueue[tuple[float, Heard]] = queue.SimpleQueue()

    def put(self, message: Heard) -> None:
        self._messages.put((awake.now(), message))

    def take(self, wait: float = 0.0) -> tuple[float, Heard] | None:
        """The next message and when it arrived; None where none comes within `wait` seconds."""
        with contextlib.suppress(queue.Empty):
            return self._messages.get(timeout=wait) if wait else self._messages.get_nowait()
        return None

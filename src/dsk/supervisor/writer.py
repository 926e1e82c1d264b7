"""Events on their way to a disk or a reader that may take none of them for minutes."""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from enum import Enum, auto

from dsk.rotated import MIB
from dsk.text import Text
from dsk.wire.events import Event, Notice, Output
from dsk.wire.status import JobStatus

ROOM_BYTES = 32 * MIB
"""Text of the ranks' lines that waits to be written."""
OVERHEAD_BYTES = 500
"""Of one event in memory, in addition to its text."""


class _Sign(Enum):
    SAVE = auto()
    """There is a newer status."""
    END = auto()


class Writer:
    """Writes from a thread of its own, in order: whoever puts an event never waits.

    Where ROOM_BYTES of ranks' lines wait already, further lines are left out, and a Notice in their
    place says how many. All other events are few, and wait as long as it takes. Of several statuses
    that wait only the newest is saved, after all events that were put before it.
    """

    def __init__(
        self,
        write: Callable[[Event], None],
        save: Callable[[JobStatus], None] = lambda _: None,
        *,
        elsewhere: Text,
    ) -> None:
        """`elsewhere` says where lines that are left out can be found. `write` and `save` run in
        the writer's thread."""
        self._write = write
        self._save = save
        self._elsewhere = elsewhere
        self._waiting: queue.SimpleQueue[Event | _Sign] = queue.SimpleQueue()
        self._status: JobStatus | None = None
        # Each of the next is written by one thread alone: the first two by whoever tells the ranks'
        # lines, the last by the writer's.
        self._put_bytes = 0
        self._left_out = 0
        self._written_bytes = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, event: Event) -> None:
        """Ranks' lines are to come from one thread; other events may come from any."""
        if isinstance(event, Output):
            if self._put_bytes - self._written_bytes > ROOM_BYTES:
                self._left_out += 1
                return
            self._say_what_is_missing()
            self._put_bytes += _size(event)
        self._waiting.put(event)

    def put_status(self, status: JobStatus) -> None:
        self._status = status
        self._waiting.put(_Sign.SAVE)

    def close(self, limit: float) -> bool:
        """Whether everything was written within `limit` seconds."""
        self._say_what_is_missing()
        self._waiting.put(_Sign.END)
        self._thread.join(limit)
        return not self._thread.is_alive()

    def _say_what_is_missing(self) -> None:
        if self._left_out:
            text = Text("{lines} lines of the ranks are left out here: {elsewhere}")
            text = text.filled(lines=self._left_out, elsewhere=self._elsewhere)
            self._left_out = 0
            self._waiting.put(Notice(time.time(), "lines_left_out", text))

    def _run(self) -> None:
        taken: list[Event | _Sign] = []
        while _Sign.END not in taken:
            taken = [self._waiting.get()]
            # Before the rest is taken: what was put before this status is then among it.
            status = self._status
            while not self._waiting.empty():  # this thread alone takes
                taken.append(self._waiting.get())
            try:
                self._write_all(taken)
                if status and _Sign.SAVE in taken:
                    self._save(status)
            except Exception:
                traceback.print_exc()  # a bug: the next events are written all the same

    def _write_all(self, taken: Sequence[Event | _Sign]) -> None:
        for each in taken:
            if isinstance(each, Output):
                self._written_bytes += _size(each)
            if not isinstance(each, _Sign):
                self._write(each)


def _size(event: Output) -> int:
    return len(event.line) + OVERHEAD_BYTES

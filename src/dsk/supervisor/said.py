"""What a supervisor prints, for who follows it from outside: one JSON object a line, an event."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from typing import BinaryIO

from dsk.rotated import MIB
from dsk.text import Text
from dsk.wire.events import Event, Notice, Output, encode

FILE_BYTES = 256 * MIB
"""Where nobody rotates what is printed: a file beside a worker. An engine rotates its own logs."""


class Said:
    def __init__(self, out: BinaryIO) -> None:
        """`out` is unbuffered: a program must be able to end while a write to it still waits."""
        self._out = out
        self._room = FILE_BYTES if _is_file(out) else None

    def say(self, event: Event) -> None:
        """Once its file is full, without the ranks' lines: those are in the job's folder."""
        line = encode(event)
        if self._room is not None and isinstance(event, Output):
            if self._room <= 0:
                return
            self._room -= len(line)
            if self._room <= 0:
                text = Text(
                    "enough of the ranks' lines for this output; dsk logs -f shows the others"
                )
                line = encode(Notice(time.time(), "lines_left_out", text))
        # A disk that is full, or nobody who listens any more: the job does not depend on it.
        with contextlib.suppress(OSError):
            rest = memoryview(line.encode(errors="replace") + b"\n")
            while rest:
                rest = rest[self._out.write(rest) :]


def _is_file(out: BinaryIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(out.fileno()).st_mode)
    except OSError:  # it has no file descriptor
        return False

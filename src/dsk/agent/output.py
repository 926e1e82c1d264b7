"""What one rank prints: read from its pipe as it comes, kept in a file and for who asks."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

KEPT = 20_000
"""Lines that can still be asked for."""
LONGEST = 16 * 1024
"""Bytes of one line that travel; the rest stays in the rank's file."""


@dataclass(frozen=True)
class Line:
    """`offset` names the line; `at` is the node's clock, seconds since the epoch."""

    offset: int
    at: float
    text: str


class RankOutput:
    """Drains `pipe` in a thread, whatever becomes of the file: no rank waits for its reader."""

    def __init__(self, rank: int, pipe: BinaryIO, folder: Path) -> None:
        self._pipe = pipe
        self._path = folder / f"rank{rank}.log"
        self._lines: deque[Line] = deque(maxlen=KEPT)
        self._next = 0
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()

    def read(self, offset: int, limit: int) -> tuple[list[Line], int]:
        """At most `limit` lines from `offset` on, and the offset to ask from the next time."""
        with self._guard:
            first = self._lines[0].offset if self._lines else self._next
            begin = max(0, offset - first)
            found = [self._lines[i] for i in range(begin, min(begin + limit, len(self._lines)))]
        return found, found[-1].offset + 1 if found else offset

    def wait(self, limit: float) -> bool:
        """Whether the pipe has ended and all of it can be read, after at most `limit` seconds."""
        self._thread.join(limit)
        return not self._thread.is_alive()

    def _drain(self) -> None:
        file = _open(self._path)
        for line in iter(lambda: self._pipe.readline(1 << 20), b""):
            if file:
                try:
                    file.write(line)
                except OSError as error:
                    self._add(f"dsk: {self._path} is no longer written: {error.strerror}")
                    file = None
            if text := shown(line):
                self._add(text)

    def _add(self, text: str) -> None:
        with self._guard:
            self._lines.append(Line(self._next, time.time(), text))
            self._next += 1


def _open(path: Path) -> BinaryIO | None:
    try:
        return path.open("ab", buffering=0)
    except OSError:
        return None


def shown(line: bytes) -> str:
    """The line as a terminal would end up showing it: a carriage return begins it anew."""
    frames = [frame for frame in line.split(b"\r") if frame.strip()]
    return frames[-1][:LONGEST].decode(errors="replace").rstrip() if frames else ""

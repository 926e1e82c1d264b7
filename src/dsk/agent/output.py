"""What one rank prints: read from its pipe as it comes, kept in a file and for who asks."""

from __future__ import annotations

import os
import queue
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dsk.agent.excerpt import Excerpt
from dsk.rotated import MIB, RotatedFile
from dsk.text import Text

LOG_BYTES = 32 * MIB
"""A rank's log on the disk: twice as much at most, of one attempt."""
WAITING_BYTES = 8 * MIB
"""Of a rank's output, for a disk that takes nothing just now."""
STUCK_S = 2.0
KEPT_BYTES = 4 * MIB
"""Lines of a rank that can still be asked for."""
ANSWER_BYTES = MIB
LOOK_S = 0.5
CHUNK = 64 * 1024


@dataclass(frozen=True)
class Line:
    """`offset` numbers a rank's lines; `at` is the node's clock, seconds since the epoch. `text` as
    in dsk.agent.excerpt: after BAR it shows an unfinished line."""

    offset: int
    at: float
    text: str


class KeptLines:
    """The newest lines of a rank, for several threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._lines: deque[Line] = deque()
        self._size = 0
        self._next = 0

    def add(self, texts: Sequence[str]) -> None:
        at = time.time()
        with self._guard:
            for text in texts:
                self._lines.append(Line(self._next, at, text))
                self._next += 1
                self._size += len(text)
            while self._size > KEPT_BYTES:
                self._size -= len(self._lines.popleft().text)

    def read(self, offset: int, limit: int) -> tuple[list[Line], int]:
        """At most `limit` lines from `offset` on, and the offset to ask from the next time. Where
        some of them are gone, a line says so."""
        with self._guard:
            first = self._next - len(self._lines)
            lines = [self._lines[index] for index in self._indexes(offset - first, limit)]
        following = lines[-1].offset + 1 if lines else offset
        if lines and offset < first:
            text = f"dsk: {first - offset} lines are missing: they were not asked for in time"
            lines.insert(0, Line(first - 1, lines[0].at, text))
        return lines, following

    def _indexes(self, begin: int, limit: int) -> range:
        begin, size = max(0, begin), 0
        for index in range(begin, min(begin + limit, len(self._lines))):
            size += len(self._lines[index].text)
            if size > ANSWER_BYTES and index > begin:
                return range(begin, index)
        return range(begin, min(begin + limit, len(self._lines)))


MISSES = Text("this rank's log has a gap from here on: its disk cannot be written")


class LogFile:
    """A rank's log, written by a thread of its own: a disk that takes nothing for a while, such as
    a network disk that fails over, must not keep the rank from printing."""

    def __init__(self, path: Path, limit: int, tell: Callable[[Text], None]) -> None:
        """`tell` is given a sentence when something cannot be written."""
        self._file = RotatedFile(path, limit)
        self._tell = tell
        self._waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._put_bytes = 0
        self._written_bytes = 0
        self._written_at = time.monotonic()
        self._left_out = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, data: bytes) -> None:
        """From one thread. Waits for a disk that is only slow; leaves `data` out where
        WAITING_BYTES wait and the disk has taken nothing for STUCK_S."""
        while self._put_bytes - self._written_bytes > WAITING_BYTES:
            if time.monotonic() - self._written_at > STUCK_S:
                if not self._left_out:
                    self._tell(MISSES)
                self._left_out += len(data)
                return
            time.sleep(0.01)
        if self._left_out:
            note = (
                f"\ndsk: {self._left_out} bytes are left out here: the disk could not be written\n"
            )
            self._left_out = 0
            data = note.encode() + data
        self._put_bytes += len(data)
        self._waiting.put(data)

    def close(self) -> None:
        """What waits is written all the same, as soon as the disk takes it."""
        self._waiting.put(b"")

    def wait(self, limit: float) -> bool:
        """Whether all is written, after at most `limit` seconds."""
        self._thread.join(limit)
        return not self._thread.is_alive()

    def _run(self) -> None:
        with closing(self._file):
            while data := self._waiting.get():
                if told := self._file.write(data):
                    self._tell(told)
                self._written_bytes += len(data)
                self._written_at = time.monotonic()


class RankOutput:
    """Drains `pipe` in a thread, whatever becomes of the file: no rank waits for its reader.

    All that comes is kept in FOLDER/rank<N>.log, the newest `log_bytes` twice; what can be read
    here is an Excerpt of it.
    """

    def __init__(
        self, rank: int, pipe: BinaryIO, folder: Path, *, log_bytes: int = LOG_BYTES
    ) -> None:
        path = folder / f"rank{rank}.log"
        place = "/".join(path.parts[-3:])
        self._pipe = pipe
        self._file = LogFile(path, log_bytes, self._say)
        self._excerpt = Excerpt(
            f"the newest {2 * log_bytes // MIB} MiB are in {place} on this node"
        )
        self._kept = KeptLines()
        self._taking = threading.Lock()
        """Held from the moment that output leaves the pipe until it can be read here."""
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()

    def _say(self, text: Text) -> None:
        """Among the rank's lines, which are in no other language."""
        self._kept.add([f"dsk: {text.in_language('en')}"])

    def read(self, offset: int, limit: int) -> tuple[list[Line], int]:
        """As KeptLines.read."""
        return self._kept.read(offset, limit)

    def wait(self, limit: float) -> bool:
        """Whether the pipe has ended, and all of it can be read and is in the file, after at most
        `limit` seconds for each."""
        self._thread.join(limit)
        return not self._thread.is_alive() and self._file.wait(limit)

    def catch_up(self, limit: float) -> None:
        """Wait, at most `limit` seconds, until all that the pipe holds can be read here. On a busy
        machine that can be long after the rank has exited."""
        deadline = time.monotonic() + limit
        while self._thread.is_alive() and (left := deadline - time.monotonic()) > 0:
            if self._taking.acquire(timeout=left):
                try:
                    empty = not select.select([self._pipe], [], [], 0)[0]
                except ValueError:  # closed at its end
                    empty = False
                finally:
                    self._taking.release()
                if empty:
                    return
            time.sleep(0.01)

    def _drain(self) -> None:
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        with closing(self._file), self._pipe:
            while True:
                if not poll.poll(LOOK_S * 1000 if self._excerpt.pending else None):
                    self._kept.add(self._excerpt.tick(time.monotonic()))
                    continue
                with self._taking:
                    data = os.read(self._pipe.fileno(), CHUNK)
                    if not data:
                        break
                    self._file.put(data)
                    self._kept.add(self._excerpt.feed(data, time.monotonic()))
            self._kept.add(self._excerpt.end())

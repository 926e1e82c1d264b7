"""What ranks write to log files of their own, as DeepSpeed's launch.py lets them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from dsk.agent.excerpt import Excerpt
from dsk.agent.output import CHUNK, KeptLines, Line

CHUNKS_A_LOOK = 256
"""Whoever asks waits for no more than these."""
_RANK = re.compile(r"_rank(\d+)\.log$")

Reader = Callable[[int, int], tuple[list[Line], int]]


class RankLog:
    """One rank's file, read as a RankOutput is. Not for several threads at once.

    launch.py itself writes the file, so that its size is not bounded; what is sent on of it is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0
        self._excerpt = Excerpt(f"all of them are in {'/'.join(path.parts[-3:])} on this node")
        self._kept = KeptLines()

    def read(self, offset: int, limit: int, *, last: bool = False) -> tuple[list[Line], int]:
        """`last` also gives what is held back, and a line that has no end."""
        self._look(CHUNKS_A_LOOK)
        if last:
            while self._look(CHUNKS_A_LOOK):
                pass
            self._kept.add(self._excerpt.end())
        return self._kept.read(offset, limit)

    def _look(self, chunks: int) -> bool:
        """Whether there may be more than what was read."""
        with self._path.open("rb", buffering=0) as file:
            file.seek(self._position)
            for _ in range(chunks):
                now = time.monotonic()
                if not (data := file.read(CHUNK)):
                    self._kept.add(self._excerpt.tick(now))
                    return False
                self._position += len(data)
                self._kept.add(self._excerpt.feed(data, now))
        return True


class RankLogs:
    """Every `*_rank<N>.log` in a folder, as launch.py names them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._logs: dict[int, RankLog] = {}

    def readers(self, *, last: bool) -> dict[int, Reader]:
        """By rank."""
        for path in self._folder.glob("*_rank*.log"):
            if match := _RANK.search(path.name):
                self._logs.setdefault(int(match[1]), RankLog(path))
        return {rank: partial(log.read, last=last) for rank, log in self._logs.items()}

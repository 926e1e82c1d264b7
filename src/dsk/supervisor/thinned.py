"""A file of lines whose size is bounded, and which still covers the time from its beginning."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Hashable
from pathlib import Path

from dsk.files import write_atomic
from dsk.rotated import append_whole


class ThinnedFile:
    """Where the file would become larger than `limit` bytes, every second line of each key is
    removed, and from then on only every second line of a key is taken, and so on.

    Nothing is raised: a disk that is full costs lines, and leaves those that are there.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self._path = path
        self._limit = limit
        self._size = 0
        self._every = 1
        self._given: Counter[Hashable] = Counter()
        self._keys: list[Hashable] = []
        """Of the lines in the file, in order."""

    def write(self, key: Hashable, line: str) -> None:
        """`line` is without its end."""
        number = self._given[key]
        self._given[key] += 1
        if number % self._every:
            return
        data = line.encode(errors="replace") + b"\n"
        with contextlib.suppress(OSError):
            if self._size and self._size + len(data) > self._limit:
                self._thin_out()
                if number % self._every:
                    return
            with self._path.open("ab", buffering=0) as file:
                append_whole(file, data)
            self._size += len(data)
            self._keys.append(key)

    def _thin_out(self) -> None:
        seen: Counter[Hashable] = Counter()
        kept: list[bytes] = []
        keys: list[Hashable] = []
        lines = self._path.read_bytes().splitlines(keepends=True)
        # Somebody may have changed the file: then there are fewer keys or lines.
        for key, line in zip(self._keys, lines, strict=False):
            if seen[key] % 2 == 0:
                kept.append(line)
                keys.append(key)
            seen[key] += 1
        write_atomic(self._path, b"".join(kept))
        self._keys, self._size = keys, sum(map(len, kept))
        self._every *= 2

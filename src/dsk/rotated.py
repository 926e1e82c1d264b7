"""A file that is written for ever and takes no more than its room. Standard library only."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from dsk.text import Text

MIB = 1 << 20
RETRY_S = 5.0
"""Between two attempts to write where that has failed: a full disk may have room again."""


def older(path: Path) -> Path:
    """Where what stood in `path` goes when it is full, in place of what was there."""
    return path.with_name(path.name + ".1")


class RotatedFile:
    """`path` and `older(path)` hold up to `limit` bytes each. Appends to a file that is there.

    Nothing is buffered, and nothing is raised: a program that reports does not stop because its
    report cannot be kept.
    """

    def __init__(
        self, path: Path, limit: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._limit = limit
        self._clock = clock
        self._file: BinaryIO | None = None
        self._lost = 0
        self._retry_at = 0.0

    def write(self, data: bytes) -> Text | None:
        """Appends `data`, of whole lines or not. Returns what somebody should be told: a sentence
        when writing begins to fail, and when it works again."""
        failing = self._lost > 0
        if failing and self._clock() < self._retry_at:
            self._lost += len(data)
            return None
        try:
            self._append(data)
        except OSError as error:
            self._lost += len(data)
            self._retry_at = self._clock() + RETRY_S
            if failing:
                return None
            text = Text("{file} is not written while this lasts: {error}")
            return text.filled(file=str(self._path), error=error.strerror)
        if not failing:
            return None
        lost, self._lost = self._lost, 0
        text = Text("{file} is written again; {size:.1f} MB are missing in it")
        return text.filled(file=str(self._path), size=lost / 1e6)

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def _append(self, data: bytes) -> None:
        file = self._file or self._open()
        size = _size(file)
        if size and size + len(data) > self._limit:
            # The old file ends with a whole line, where there is an end in sight.
            end = data.find(b"\n") + 1
            append_whole(file, data[:end])
            self.close()
            self._path.replace(older(self._path))
            file, data = self._open(), data[end:]
        append_whole(file, data)

    def _open(self) -> BinaryIO:
        self._file = self._path.open("ab", buffering=0)
        return self._file


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def append_whole(file: BinaryIO, data: bytes) -> None:
    """All of `data` to an unbuffered file, or nothing. Raises OSError."""
    size, rest = _size(file), memoryview(data)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError:
        os.ftruncate(file.fileno(), size)  # half a line would spoil the next one
        raise

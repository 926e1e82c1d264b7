"""A job's events as its supervisor writes them (dsk.supervisor.folder), read from its folder."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from dsk.rotated import older
from dsk.wire import paths
from dsk.wire.events import FINAL_STATES
from dsk.wire.position import Position, name_of
from dsk.wire.status import JobStatus

LOOK_S = 0.2
POSITION_EVERY = 1000
"""Lines; whoever asks again from there has them skipped."""
NAME_BYTES = 4096
FOLLOW_S = 600.0
"""Whoever wants to follow for longer asks again, from what came last: an engine does not end a
program whose reader has gone away."""


def stream(
    workspace: str,
    job: str,
    *,
    follow: bool = False,
    since: float | None = None,
    after: Position | None = None,
    positions: bool = False,
) -> Iterator[bytes]:
    """The job's event lines so far, from `since` on (seconds since the epoch) or after a position;
    with `follow` until its supervisor has ended, with a last word or without, or FOLLOW_S are over.
    With `positions` some lines say where the next one is (wire.position).

    Raises FileNotFoundError where this node holds no such job.
    """
    lines = _lines(Path(paths.job_folder(workspace, job)), follow=follow, after=after)
    at: Position | None = None
    skipped = 0
    for found, line in lines:
        if found:
            at, skipped = found, 0
        if since is not None and _at(line) < since:
            skipped += 1
            continue
        if positions and at and (found or since is not None):
            yield at.after(skipped).to_line()
        since = None
        yield line


def _lines(
    folder: Path, *, follow: bool, after: Position | None
) -> Iterator[tuple[Position | None, bytes]]:
    """Each line, with its position now and then; with that of the first of each file."""
    path = folder / paths.STREAM
    deadline = time.monotonic() + FOLLOW_S
    file = _open(path, after)
    try:
        while True:
            ended = not follow or _ended(folder) or time.monotonic() > deadline
            yield from _with_positions(file)
            if successor := _successor(path, file):
                yield from _with_positions(file)
                file.close()
                file = successor
            elif ended:
                return
            else:
                time.sleep(LOOK_S)
    finally:
        file.close()


def _open(path: Path, after: Position | None) -> BinaryIO:
    """At the position, or at the oldest line where that is gone."""
    oldest, *newer = [each for each in (older(path), path) if each.exists()] or [path]
    if after:
        for each in (oldest, *newer):
            file = each.open("rb")
            if _name(file) == after.file:
                file.seek(after.offset)
                for _ in range(after.lines):
                    file.readline()
                return file
            file.close()
    return oldest.open("rb")


def _name(file: BinaryIO) -> str:
    return name_of(os.pread(file.fileno(), NAME_BYTES, 0))


def _with_positions(file: BinaryIO) -> Iterator[tuple[Position | None, bytes]]:
    for number, line in enumerate(_whole_lines(file)):
        told = number % POSITION_EVERY == 0
        yield Position(_name(file), file.tell() - len(line)) if told else None, line


def _whole_lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline():
        if not line.endswith(b"\n"):
            file.seek(-len(line), os.SEEK_CUR)
            return
        yield line


def _successor(path: Path, file: BinaryIO) -> BinaryIO | None:
    """The file that is written after this one, if this one is full."""
    read = os.fstat(file.fileno())
    try:
        if os.path.samestat(read, path.stat()):
            return None
        if os.path.samestat(read, older(path).stat()):
            return path.open("rb")
        # Two were filled while one was read.
        return older(path).open("rb")
    except FileNotFoundError:  # just being exchanged
        return None


def _ended(folder: Path) -> bool:
    try:
        text = (folder / paths.STATUS).read_text(encoding="utf-8")
        if JobStatus.from_json(text).state in FINAL_STATES:
            return True
        with (folder / paths.EVENTS).open("rb") as events:
            fcntl.flock(events, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (OSError, ValueError):
        return False  # no lock on this file system: only a last word tells
    return True


def _at(line: bytes) -> float:
    try:
        return float(json.loads(line)["at"])
    except (ValueError, KeyError, TypeError):
        return 0.0

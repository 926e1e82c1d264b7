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
from dsk.wire.status import JobStatus

LOOK_S = 0.2
FOLLOW_S = 600.0
"""Whoever wants to follow for longer asks again, from what came last: an engine does not end a
program whose reader has gone away."""


def stream(
    workspace: str, job: str, *, follow: bool = False, since: float | None = None
) -> Iterator[bytes]:
    """The job's event lines so far, from `since` on (seconds since the epoch); with `follow` until
    its supervisor has ended, with a last word or without, or FOLLOW_S are over.

    Raises FileNotFoundError where this node holds no such job.
    """
    folder = Path(paths.job_folder(workspace, job))
    lines = _lines(folder, follow=follow)
    if since is not None:
        for line in lines:
            if _at(line) >= since:
                yield line
                break
    yield from lines


def _lines(folder: Path, *, follow: bool) -> Iterator[bytes]:
    path = folder / paths.STREAM
    deadline = time.monotonic() + FOLLOW_S
    file: BinaryIO = (older(path) if older(path).exists() else path).open("rb")
    try:
        while True:
            ended = not follow or _ended(folder) or time.monotonic() > deadline
            yield from _whole_lines(file)
            if successor := _successor(path, file):
                yield from _whole_lines(file)
                file.close()
                file = successor
            elif ended:
                return
            else:
                time.sleep(LOOK_S)
    finally:
        file.close()


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

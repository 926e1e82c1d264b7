"""One job at a time in a worker: a file lock that ends with the process that holds it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from dsk.wire import paths

WRITTEN_WITHIN_S = 0.5
"""From taking the lock to the holder's name in it."""


class Busy(Exception):
    """Another job has the worker; `holder` is its id."""

    def __init__(self, holder: str) -> None:
        super().__init__(f"busy with job {holder}")
        self.holder = holder


def take(job: str, path: Path = Path(paths.LOCK)) -> IO[str]:
    """Takes the lock for `job`; it is held until the returned file is closed or this process ends,
    however it ends. Raises Busy."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        # "a": opening for writing would empty the holder's id before the lock is known to be free.
        file = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with file:
                raise Busy(_name_in(file) or "(unknown)") from None
        if _is_at(path, file):
            break
        file.close()  # it was replaced meanwhile
    os.set_inheritable(file.fileno(), False)
    file.truncate(0)
    file.write(job + "\n")
    file.flush()
    return file


@contextmanager
def guard(path: Path = Path(paths.LOCK)) -> Iterator[None]:
    """Held by whoever looks whether the lock is to be replaced, until that is done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.guard").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def replace(path: Path = Path(paths.LOCK)) -> None:
    """Makes a new lock, free, in place of one whose holder does not die. Only under `guard`, or for
    the job that holds it."""
    path.unlink(missing_ok=True)


def _is_at(path: Path, file: IO[str]) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _name_in(file: IO[str]) -> str:
    """Who holds it. Just after it was taken the name of an earlier job stands there, or none."""
    time.sleep(WRITTEN_WITHIN_S)
    file.seek(0)
    return file.read().strip()


def holder(path: Path = Path(paths.LOCK)) -> str | None:
    """The id of the job that has this worker, None if it is free."""
    if not path.exists():
        return None
    with path.open(encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read().strip() or None
    return None

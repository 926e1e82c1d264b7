"""A download as the disk sees it, the same for every hub's library: room, progress, errors."""

from __future__ import annotations

import contextlib
import errno
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from dsk.errors import DskError, JobFailed
from dsk.text import Text
from dsk.wire.hub import Downloading

EVERY_S = 2.0


def size_of(folder: Path) -> int:
    """Bytes of all files below, links not followed."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # renamed just now
            if path.is_file() and not path.is_symlink():
                total += path.stat().st_size
    return total


@contextlib.contextmanager
def watched(folder: Path, total: int, tell: Callable[[Downloading], None]) -> Iterator[None]:
    """Tells what arrives in `folder` of `total` bytes while the block runs; silence means that
    nothing does."""
    before = size_of(folder)
    ended = threading.Event()

    def watch() -> None:
        last = 0
        while not ended.wait(EVERY_S):
            done = size_of(folder) - before
            if done > last:
                last = done
                tell(Downloading(min(done, total), total))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def check_room(folder: Path, needed: int) -> None:
    """Raises JobFailed where the disk has less than `needed` bytes free."""
    place = folder
    while not place.is_dir():
        place = place.parent
    free = shutil.disk_usage(place).free
    if needed > free:
        raise JobFailed(
            Text(
                "the disk of {folder} has {free:.1f} GB free, the download needs {needed:.1f} GB"
            ).filled(folder=str(folder), free=free / 1e9, needed=needed / 1e9),
            fix=Text("make room there; nothing was downloaded"),
        )


def disk_error(error: Exception) -> DskError | None:
    """What the disk refused; None where the error is none of its own."""
    # The hubs' libraries raise OSError for the network too, without a number or as these two.
    if not isinstance(error, OSError) or isinstance(error, (ConnectionError, TimeoutError)):
        return None
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return JobFailed(
            Text("the disk became full while downloading"),
            fix=Text("make room there and launch again: complete files are kept"),
        )
    unwritable = Text("cannot be written: {error}").filled(error=str(error))
    return JobFailed(unwritable) if error.errno and error.filename else None

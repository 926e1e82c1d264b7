"""The workspace: can it be written, how much is free, and who else sees the same disk."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TRIED_BYTES = 1 << 20
FORGOTTEN_S = 3600.0
OWN = ".dsk"
PREFIX = ".check-"


class Room:
    def __init__(self, workspace: str) -> None:
        self._workspace = Path(workspace)
        self._marks: list[Path] = []

    def look(self) -> dict[str, Any]:
        """`problem` is "" where a file could be written and reached the disk; `kind` the file
        system's, `place` the folder's device and inode. Sizes in bytes."""
        try:
            usage = shutil.disk_usage(self._workspace)
            folder = self._workspace.stat()
        except OSError as error:
            return {"problem": _reason(error), "total": 0, "free": 0, "kind": "", "place": ""}
        return {
            "problem": self._write(),
            "total": usage.total,
            "free": usage.free,
            "kind": _kind(self._workspace),
            "place": f"{folder.st_dev}:{folder.st_ino}",
        }

    def _write(self) -> str:
        path = self._path(f"{os.getpid()}-{time.time_ns()}")
        try:
            path.parent.mkdir(exist_ok=True)
            with path.open("xb", buffering=0) as file:
                file.write(bytes(TRIED_BYTES))
                os.fsync(file.fileno())
        except OSError as error:
            return _reason(error)
        finally:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        # Jobs make folders beside it, too.
        return "" if os.access(self._workspace, os.W_OK) else os.strerror(errno.EACCES).lower()

    def mark(self, name: str) -> bool:
        """Leaves a file that those on the same disk see; False where it cannot be made."""
        path = self._path(name)
        try:
            path.parent.mkdir(exist_ok=True)
            self._forget_old()
            path.touch()
        except OSError:
            return False
        self._marks.append(path)
        return True

    def marks(self, names: Sequence[str]) -> list[bool]:
        """Which of these marks are here."""
        # Looking into the folder first makes a network file system refresh what it knows of it.
        with contextlib.suppress(OSError):
            next((self._workspace / OWN).iterdir(), None)
        return [self._path(name).exists() for name in names]

    def clear(self) -> None:
        for path in self._marks:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def _forget_old(self) -> None:
        """A check that was killed could not take its own away."""
        for path in (self._workspace / OWN).glob(f"{PREFIX}*"):
            if time.time() - path.stat().st_mtime > FORGOTTEN_S:
                path.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._workspace / OWN / f"{PREFIX}{name}"


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _kind(path: Path) -> str:
    """The file system of the mount that `path` is on (/proc/self/mounts)."""
    best, kind = "", ""
    real = str(path.resolve())
    for line in (
        Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    ):
        _, mounted, name, *_ = line.split(" ")
        place = mounted.replace("\\040", " ")
        inside = real == place or real.startswith(place.rstrip("/") + "/")
        if inside and len(place) >= len(best):
            best, kind = place, name
    return kind

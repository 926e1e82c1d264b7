"""Room, progress and the disk's own errors."""

from __future__ import annotations

import errno
import time
from pathlib import Path

import pytest

from dsk.errors import JobFailed
from dsk.hub import disk
from dsk.wire.hub import Downloading


def test_room(tmp_path: Path) -> None:
    disk.check_room(tmp_path / "not/there/yet", 1000)
    with pytest.raises(JobFailed, match="the download needs 1000000000"):
        disk.check_room(tmp_path / "not/there/yet", 10**18)


def test_only_what_arrives_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "EVERY_S", 0.01)
    (tmp_path / "before").write_bytes(bytes(5))
    (tmp_path / "link").symlink_to("before")
    told: list[Downloading] = []
    with disk.watched(tmp_path, 10, told.append):
        time.sleep(0.05)
        (tmp_path / "new").write_bytes(bytes(7))
        time.sleep(0.2)
    assert told == [Downloading(7, 10)]


def test_errors_of_the_disk_and_others() -> None:
    full = disk.disk_error(OSError(errno.ENOSPC, "No space left on device", "/w/x"))
    assert full and "became full" in full.message
    refused = disk.disk_error(PermissionError(errno.EACCES, "Permission denied", "/w/x"))
    assert refused and "Permission denied: '/w/x'" in refused.message
    for other in (ConnectionResetError(104, "reset"), OSError("no number"), ValueError("x")):
        assert disk.disk_error(other) is None

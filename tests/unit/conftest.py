"""What tests of several rooms need."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsk.cli import language

FROZEN_MOST_S = 45.0


@pytest.fixture(autouse=True)
def no_language_of_another_test() -> Iterator[None]:
    """What --lang chose counts for a complete process."""
    yield
    language._CHOSEN.clear()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """64 KiB, for what happens when it is full."""
    if os.geteuid() != 0:
        pytest.skip("needs root: a small tmpfs is mounted")
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


class FrozenDisk:
    """A file system of its own that can be made to take no writes: they wait, in the kernel, where
    not even SIGKILL ends them. So it thaws by itself after FROZEN_MOST_S: a test that waits for it,
    as it should not, fails then."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._guard = threading.Lock()
        self._timer: threading.Timer | None = None

    def freeze(self) -> None:
        subprocess.run(["fsfreeze", "--freeze", self.path], check=True)
        self._timer = threading.Timer(FROZEN_MOST_S, self.thaw)
        self._timer.start()

    @property
    def is_frozen(self) -> bool:
        return self._timer is not None

    def thaw(self) -> None:
        with self._guard:
            if self._timer:
                self._timer.cancel()
                self._timer = None
                subprocess.run(["fsfreeze", "--unfreeze", self.path], check=True)


@pytest.fixture
def frozen(tmp_path: Path) -> Iterator[FrozenDisk]:
    """16 MiB of ext4, not frozen yet."""
    if os.geteuid() != 0:
        pytest.skip("needs root: a disk is mounted")
    place, image = tmp_path / "ext4", tmp_path / "ext4.img"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    if subprocess.run(["mount", "-o", "loop", image, place], check=False).returncode:
        pytest.skip("needs loop devices")
    disk = FrozenDisk(place)
    try:
        yield disk
    finally:
        disk.thaw()
        subprocess.run(["umount", "--lazy", place], check=True)

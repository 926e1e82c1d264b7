"""What tests of several rooms need."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


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
    """A file system of its own that can be made to take no writes: they wait, in the kernel."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._is_frozen = False

    def freeze(self) -> None:
        subprocess.run(["fsfreeze", "--freeze", self.path], check=True)
        self._is_frozen = True

    def thaw(self) -> None:
        if self._is_frozen:
            self._is_frozen = False
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

"""`dsk image save` and `load` with this machine's engine, on a small image of the tests' own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.engine import NAMES, docker

DSK = str(Path(sys.executable).with_name("dsk"))
NAME = f"{NAMES}:small"
MB = 1_000_000


def dsk(*words: str, code: int = 0, folder: Path) -> str:
    done = subprocess.run(
        [DSK, *words], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, f"{words}: {done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def make_image(folder: Path, name: str, size: int = 3 * MB) -> None:
    """One that cannot be packed any smaller."""
    (folder / "data").write_bytes(os.urandom(size))
    tar = folder / "layer.tar"
    subprocess.run(["tar", "-cf", tar, "-C", folder, "data"], check=True)
    docker("import", "--change", "ENV A=1", str(tar), name)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "source").mkdir()
    make_image(tmp_path / "source", NAME)
    first = image_id()
    yield first
    # Some tests give the name to another image.
    docker("image", "rm", "--force", NAME, first, check=False)


def image_id() -> str:
    return docker("image", "inspect", "--format", "{{.Id}}", NAME, check=False).stdout.strip()


def images() -> list[str]:
    return sorted(docker("image", "ls", "--all", "--quiet", "--no-trunc").stdout.split())


def test_there_and_back(small: str, tmp_path: Path) -> None:
    said = dsk("image", "save", "--image", NAME, "a.tar.zst", folder=tmp_path)
    assert "wrote a.tar.zst" in said and "dsk image load a.tar.zst" in said
    assert "has" in dsk("image", "load", "a.tar.zst", folder=tmp_path)
    docker("image", "rm", NAME)
    assert "loaded" in dsk("image", "load", "a.tar.zst", folder=tmp_path)
    assert image_id() == small


def test_another_image_of_that_name_gives_way(small: str, tmp_path: Path) -> None:
    dsk("image", "save", "--image", NAME, "a.tar.zst", folder=tmp_path)
    make_image(tmp_path / "source", NAME)
    newer = image_id()
    try:
        assert newer != small
        assert "in place of another" in dsk("image", "load", "a.tar.zst", folder=tmp_path)
        assert image_id() == small
    finally:
        docker("image", "rm", newer)


def test_a_file_is_overwritten_only_with_force(small: str, tmp_path: Path) -> None:
    (tmp_path / "a.tar.zst").write_text("mine")
    words = ("image", "save", "--image", NAME, "a.tar.zst")
    assert "--force overwrites" in dsk(*words, code=2, folder=tmp_path)
    assert (tmp_path / "a.tar.zst").read_text() == "mine"
    dsk(*words, "--force", folder=tmp_path)
    assert (tmp_path / "a.tar.zst").stat().st_size > 3 * MB


@pytest.mark.parametrize("damage", ["cut off", "one byte"])
def test_a_damaged_archive_reaches_no_engine(small: str, tmp_path: Path, damage: str) -> None:
    dsk("image", "save", "--image", NAME, "a.tar.zst", folder=tmp_path)
    archive = tmp_path / "a.tar.zst"
    data = bytearray(archive.read_bytes())
    if damage == "cut off":
        del data[-MB:]
    else:
        data[-2 * MB] ^= 1
    archive.write_bytes(data)
    docker("image", "rm", NAME)
    before = images()
    said = dsk("image", "load", "a.tar.zst", code=2, folder=tmp_path)
    assert ("is incomplete" if damage == "cut off" else "is damaged") in said
    assert said.count("error:") == 1
    assert images() == before and not image_id()


def test_another_architecture(small: str, tmp_path: Path) -> None:
    (tmp_path / "source/Dockerfile").write_text("FROM scratch\nENV A=1\nCOPY data /\n")
    platform = "--platform=linux/arm64"
    docker("build", "--network=none", platform, "--tag", NAME, str(tmp_path / "source"))
    dsk("image", "save", "--image", NAME, "a.tar.zst", folder=tmp_path)
    docker("image", "rm", NAME)
    said = dsk("image", "load", "a.tar.zst", code=2, folder=tmp_path)
    assert f"the image {NAME} is for linux/arm64, this server is linux/amd64" in said
    assert not image_id()


def test_what_cannot_be_saved(small: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for words, text in (
        (("--image", "dsk:never-built", "a"), "has no image dsk:never-built"),
        (("--image", small, "a"), "is not a tag"),
        (("--image", NAME, "no/a"), "the folder no"),
        (("--image", NAME, "folder"), "is a folder"),
    ):
        assert text in dsk("image", "save", *words, code=2, folder=tmp_path)
    assert "is not an image archive of dsk" in dsk(
        "image", "load", "source/layer.tar", code=2, folder=tmp_path
    )


def test_ctrl_c_leaves_nothing(small: str, tmp_path: Path) -> None:
    make_image(tmp_path / "source", NAME, size=300 * MB)
    assert image_id() != small
    argv = [DSK, "image", "save", "--image", NAME, "a.tar.zst"]
    saving = subprocess.Popen(argv, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    draft = tmp_path / ".a.tar.zst.part"
    deadline = time.monotonic() + 60
    while not draft.exists() or draft.stat().st_size < MB:
        assert saving.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    saving.send_signal(signal.SIGINT)
    saving.communicate(timeout=60)
    assert saving.returncode == 130
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
def test_a_full_disk(small: str, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    for size, code, text in (("1m", 1, "may need"), ("2m", 1, "the disk is full")):
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk], check=True, timeout=10
        )
        try:
            said = dsk("image", "save", "--image", NAME, "disk/a", code=code, folder=tmp_path)
            assert text in said
            assert list(disk.iterdir()) == []
        finally:
            subprocess.run(["umount", disk], check=True, timeout=10)

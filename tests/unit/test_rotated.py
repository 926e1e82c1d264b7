"""A file that is written for ever: its room, its lines, and a disk that is full."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from dsk.rotated import RETRY_S, RotatedFile, older
from tests.texts import en


def content(path: Path) -> bytes:
    return older(path).read_bytes() + path.read_bytes()


def test_it_keeps_the_newest_whole_lines_in_its_room(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with closing(RotatedFile(path, 1000)) as file:
        for number in range(1000):
            assert file.write(f"line {number:04}\n".encode()) is None
    lines = content(path).decode().splitlines()
    assert lines == [f"line {number:04}" for number in range(1000 - len(lines), 1000)]
    assert 1000 <= len(content(path)) <= 2 * 1000 + len("line 0000\n")
    assert {each.name for each in tmp_path.iterdir()} == {"log", "log.1"}


def test_it_appends_to_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 900 + b"\n")
    with closing(RotatedFile(path, 1000)) as file:
        file.write(b"y" * 200 + b"\nz\n")
    assert older(path).read_bytes() == b"x" * 900 + b"\n" + b"y" * 200 + b"\n"
    assert path.read_bytes() == b"z\n"


def test_a_write_longer_than_the_room_is_kept_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with closing(RotatedFile(path, 100)) as file:
        file.write(b"x" * 1000)
    assert path.read_bytes() == b"x" * 1000


def test_a_full_disk_is_told_once_and_so_is_its_end(small_disk: Path) -> None:
    now = 0.0
    path = small_disk / "log"
    line = b"x" * 999 + b"\n"
    with closing(RotatedFile(path, 1 << 20, clock=lambda: now)) as file:
        told = [told for _ in range(200) if (told := file.write(line))]
        assert len(told) == 1
        assert "No space left on device" in en(told[0])
        whole = path.read_bytes()
        assert whole == line * (len(whole) // len(line))

        path.write_bytes(b"")
        assert file.write(line) is None, "it tries again after a while"
        now += RETRY_S
        again = file.write(line)
        assert "is written again" in en(again)
        assert path.read_bytes() == line


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    told = RotatedFile(tmp_path / "nowhere/log", 100).write(b"x\n")
    assert "No such file or directory" in en(told)

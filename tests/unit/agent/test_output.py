"""A rank's pipe: real pipes, real files, and more than fits into either."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from dsk.agent import output
from dsk.agent.excerpt import BURST, RATE
from dsk.agent.output import KEPT_BYTES, KeptLines, RankOutput
from dsk.agent.tail import RankLogs, Reader
from tests.unit.conftest import FrozenDisk

SMALL = 1 << 20


def output_of(program: str, folder: Path, **options: int) -> RankOutput:
    rank = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output = RankOutput(3, cast("BinaryIO", rank.stdout), folder, **options)
    try:
        assert rank.wait(timeout=60) == 0
        assert output.wait(10)
    finally:
        rank.kill()
        rank.wait()
    return output


@contextmanager
def chatting(program: str) -> Iterator[BinaryIO]:
    """Its output. All of it must be read before the block ends."""
    words = [sys.executable, "-c", program]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as rank:
        assert rank.stdout is not None
        yield cast("BinaryIO", rank.stdout)


def texts_of(read: Reader, offset: int = 0) -> list[str]:
    found: list[str] = []
    while True:
        lines, offset = read(offset, 500)
        if not lines:
            return found
        found += [line.text for line in lines]


def test_lines_are_read_once_each_in_order_and_kept_in_the_file(tmp_path: Path) -> None:
    output = output_of("for i in range(1000): print('line', i)", tmp_path)
    assert texts_of(output.read) == [f"line {i}" for i in range(1000)]
    first, following = output.read(0, 10)
    again, _ = output.read(following, 1)
    assert [line.offset for line in (*first, *again)] == list(range(11))
    assert len((tmp_path / "rank3.log").read_text().splitlines()) == 1000


def test_a_line_without_an_end_is_there_at_the_end(tmp_path: Path) -> None:
    output = output_of("print('killed here', end='')", tmp_path)
    assert texts_of(output.read) == ["killed here"]


FLOOD = """
import os
line = b"".join(b"line %07d of many that nobody reads\\n" % i for i in range(2000))
for _ in range(1400): os.write(1, line)
print("the last words")
"""
"""100 MB."""


def test_a_hundred_megabytes_take_their_room_and_no_more(tmp_path: Path) -> None:
    began = time.monotonic()
    output = output_of(FLOOD, tmp_path, log_bytes=SMALL)
    took = time.monotonic() - began
    files = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(files) == 2
    assert sum(files) <= 2 * SMALL + 64 * 1024
    told = texts_of(output.read)
    assert len(told) <= BURST + (took + 1) * (RATE + 1)
    assert told[-1] == "the last words"
    assert any("lines left out" in text and "rank3.log" in text for text in told)
    assert (tmp_path / "rank3.log").read_bytes().endswith(b"the last words\n")


def test_a_long_binary_line_goes_through(tmp_path: Path) -> None:
    program = (
        "import os\nfor _ in range(300): os.write(1, b'\\xff\\0\\r' * 30000)\nprint('\\nafter')"
    )
    *binary, last = texts_of(output_of(program, tmp_path, log_bytes=SMALL).read)
    assert last == "after"
    assert sum(map(len, binary)) < 100_000


def test_a_small_disk_is_told_and_the_rank_goes_on(small_disk: Path) -> None:
    output = output_of("for i in range(1000): print('line', i, 'x' * 99)", small_disk)
    told = texts_of(output.read)
    assert [text for text in told if "No space left on device" in text] == [
        f"dsk: {small_disk}/rank3.log is not written while this lasts: No space left on device"
    ]
    assert sum(text.startswith("line") for text in told) == 1000


CHATS = """
import sys, time
for number in range(200):
    print(f"line {number}", "x" * 2000, flush=True)
"""


def test_a_disk_that_takes_nothing_does_not_keep_the_rank_from_printing(
    frozen: FrozenDisk,
) -> None:
    """400 KB, more than a pipe holds."""
    frozen.freeze()
    with chatting(CHATS) as rank:
        output = RankOutput(3, rank, frozen.path)
        deadline = time.monotonic() + 10
        while len(texts_of(output.read)) < 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        frozen.thaw()
        assert output.wait(10)
    lines = (frozen.path / "rank3.log").read_text().splitlines()
    assert [line.split()[1] for line in lines] == [str(number) for number in range(200)]


def test_what_does_not_fit_while_the_disk_takes_nothing_is_left_out_and_said(
    frozen: FrozenDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "WAITING_BYTES", 50_000)
    monkeypatch.setattr(output, "STUCK_S", 0.05)
    frozen.freeze()
    with chatting(CHATS + "time.sleep(0.2); print('after')") as rank:
        made = RankOutput(3, rank, frozen.path)
        deadline = time.monotonic() + 10
        while "after" not in (told := texts_of(made.read)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert sum(text.startswith("line") for text in told) == 200
        assert sum("its disk cannot be written" in text for text in told) == 1
        frozen.thaw()
        assert made.wait(10)
    kept = (frozen.path / "rank3.log").read_text()
    assert kept.startswith("line 0 ") and len(kept) < 200_000


def test_who_asks_too_late_is_told_what_is_missing() -> None:
    kept, line = KeptLines(), "x" * 1000
    kept.add([line] * 2 * (KEPT_BYTES // len(line)))
    lines, following = kept.read(10, 5)
    assert [line.text for line in lines[1:]] == [line] * 5
    missing = int(lines[0].text.split()[1])
    assert lines[1].offset == 10 + missing
    assert following == lines[-1].offset + 1


def test_files_that_a_launcher_writes_are_read_as_they_grow(tmp_path: Path) -> None:
    path = tmp_path / "node_rank1.log"
    logs = RankLogs(tmp_path)
    assert logs.readers(last=False) == {}
    path.write_bytes(b"one\ntw")
    [line], following = logs.readers(last=False)[1](0, 10)
    assert line.text == "one"
    with path.open("ab") as file:
        file.write(b"o\nno end")
    assert texts_of(logs.readers(last=False)[1], following) == ["two"]
    assert texts_of(logs.readers(last=True)[1], 0) == ["one", "two", "no end"]


def test_a_flood_in_a_file_is_bounded_too(tmp_path: Path) -> None:
    with (tmp_path / "node_rank0.log").open("w") as file:
        file.writelines(f"line {number}\n" for number in range(1_000_000))
    told = texts_of(RankLogs(tmp_path).readers(last=True)[0], 0)
    assert len(told) <= 2 * BURST
    assert told[-1] == "line 999999"
    assert sum(int(text.split()[1]) for text in told if text.startswith("dsk:")) > 900_000

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from typing import IO

import pytest

from dsk.diagnose.lines import MAX_LINE, Line, StackAt, of_log
from dsk.diagnose.look import Look
from dsk.diagnose.place import Place

LAUNCH = "[2024-02-11 22:36:22,106] [INFO] [launch.py:315:sigkill_handler] Killing subprocess 1"


class Telling:
    """Blocks that hold a text; with an empty one all of them."""

    def __init__(self, text: bytes = b"") -> None:
        self.text = text

    def in_block(self, keys: Iterable[bytes]) -> bool:
        return self.text in b"\n".join(keys)

    def may_skip(self, look: Look, place: Place) -> bool:
        return False


def lines_of(file: IO[bytes], text: bytes = b"") -> list[Line]:
    found: list[Line] = []
    for each in of_log(file, Telling(text)):
        found += each.lines() if isinstance(each, StackAt) else [each]
    return found


def read(text: bytes | str) -> list[tuple[str, Place]]:
    raw = text.encode() if isinstance(text, str) else text
    return [(line.text, line.place) for line in lines_of(io.BytesIO(raw))]


@pytest.mark.parametrize(
    ("line", "text", "place"),
    [
        ("[rank3]: ValueError: x", "ValueError: x", Place(rank=3)),
        ("[default0]:ValueError: x", "ValueError: x", Place(rank=0)),
        ("[1,2]<stdout>:ValueError: x", "ValueError: x", Place(rank=2)),
        ("10.0.0.12: ValueError: x", "ValueError: x", Place(host="10.0.0.12")),
        ("10.0.0.12: [rank1]: ValueError: x", "ValueError: x", Place(host="10.0.0.12", rank=1)),
        ("[node1 rank 5] ValueError: x", "ValueError: x", Place(node=1, rank=5)),
        ("[node1] ValueError: x", "ValueError: x", Place(node=1)),
        ("ValueError: x", "ValueError: x", Place()),
        ("ssh: connect to host a", "ssh: connect to host a", Place()),
        ("\x1b[31mred\x1b[0m", "red", Place()),
        ("worker-1  | ValueError: x", "ValueError: x", Place(host="worker-1")),
        ("[pod/lf-0/main] ValueError: x", "ValueError: x", Place(host="lf-0/main")),
        ("3: ValueError: x", "ValueError: x", Place(host="task 3")),
        (
            "(Trainer pid=41, ip=10.0.0.12) ValueError: x",
            "ValueError: x",
            Place(host="Trainer pid=41, ip=10.0.0.12"),
        ),
        ("2023-12-17 18:09:08 10.0.1.12: ValueError: x", "ValueError: x", Place(host="10.0.1.12")),
        ("2024-08-10T20:23:41.123456Z ValueError: x", "ValueError: x", Place()),
        ("Nov 29 01:22:46 gpu-a python[41]: ValueError: x", "ValueError: x", Place(host="gpu-a")),
        ("> ValueError: x", "ValueError: x", Place()),
        ("stderr: ValueError: x", "ValueError: x", Place()),
        (
            "worker-1  | 2024-08-10 20:23:41 [rank3]: ValueError: x",
            "ValueError: x",
            Place(host="worker-1", rank=3),
        ),
        (
            "  2%|▏ | 13/620 [01:07<50:20,  4.98s/it][rank0]: ValueError: x",
            "ValueError: x",
            Place(rank=0),
        ),
        (
            "[2024-02-11 22:36:22,106] [ERROR] [launch.py:315:sigkill_handler] x",
            "[2024-02-11 22:36:22,106] [ERROR] [launch.py:315:sigkill_handler] x",
            Place(),
        ),
        ("model.{0}.weight | MISMATCH", "model.{0}.weight | MISMATCH", Place()),
        (
            "  2%|▏ | 13/620 [01:07<50:20,  4.98s/it]",
            "  2%|▏ | 13/620 [01:07<50:20,  4.98s/it]",
            Place(),
        ),
    ],
)
def test_who_printed_a_line(line: str, text: str, place: Place) -> None:
    assert read(line) == [(text, place)]


def test_a_host_name_is_known_once_its_launcher_has_spoken() -> None:
    lines = read(f"gpu003: before\ngpu003: {LAUNCH}\ngpu003: ValueError: x\n")
    assert [place.host for _, place in lines] == [None, "gpu003", "gpu003"]
    assert lines[2][0] == "ValueError: x"


def test_a_line_is_read_again_once_its_host_is_known() -> None:
    lines = read(f"gpu003: ValueError: x\ngpu003: {LAUNCH}\ngpu003: ValueError: x\n")
    assert [text for text, _ in lines][::2] == ["gpu003: ValueError: x", "ValueError: x"]
    shown = "gpu003: ValueError: x\rgpu003: " + LAUNCH
    lines = read(f"{shown}\n{shown}\n")
    assert [place.host for _, place in lines] == [None, "gpu003", "gpu003", "gpu003"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_windows_encodings(encoding: str) -> None:
    text = "[rank3]: ValueError: 数据集\r\n" + "{'loss': 1.5}\r\n" * 9000 + "the end\r\n"
    lines = read(text.encode(encoding))
    assert lines[0] == ("ValueError: 数据集", Place(rank=3))
    assert len(lines) == 9002 and lines[-1][0] == "the end"


def test_bars_that_overwrite_themselves_are_lines() -> None:
    assert [text for text, _ in read(" 1%|  |\r 2%|  |\rTraceback\r\nnext")] == [
        " 1%|  |", " 2%|  |", "Traceback", "next",
    ]  # fmt: skip


def test_what_tells_nothing_is_left_out_but_counted() -> None:
    healthy = b"{'loss': 1.5}\n" * 200_000
    log = healthy + b"it broke\n" + b"and this is how\n" * 3 + healthy * 3
    lines = lines_of(io.BytesIO(log), b"it broke")
    assert len(lines) < 300_000
    (broke,) = [line for line in lines if line.text == "it broke"]
    assert broke.number == 200_001


def test_binary_and_endless_lines_cost_no_memory() -> None:
    endless = b"x" * (3 << 20) + b"\nfirst\n" + os.urandom(1 << 16) + b"\nlast"
    texts = [text for text, _ in read(endless)]
    assert max(map(len, texts)) <= MAX_LINE
    assert texts.count("first") == 1 and texts[-1] == "last"


def test_a_line_is_whole_wherever_the_chunks_are_cut() -> None:
    filler = "y" * 999
    text = "\n".join(f"{number} {filler}" for number in range(3000))
    assert [line for line, _ in read(text)] == text.split("\n")

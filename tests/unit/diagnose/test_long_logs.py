"""What makes long logs quick to read changes no answer."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable

import pytest

from dsk.diagnose import Judge, Line, Place, load
from dsk.diagnose.diagnosis import Diagnosis
from dsk.diagnose.lines import CHUNK, StackAt, of_log
from dsk.diagnose.look import Look
from dsk.diagnose.mask import masked, masked_part
from dsk.diagnose.tracebacks import MAX_MESSAGE
from tests.unit.diagnose.test_reports import ALL

ENTRIES = load()
LOGS = [row["log"] for group in ALL.values() for row in group]
PROPERTIES = [
    name
    for name, value in vars(Look).items()
    if type(value).__name__ == "_Once" and name not in ("key",)
]
PREFIXES = ["", "[rank1]: ", "10.0.0.12: ", "worker-1  | 2026-11-29T01:22:46.123456Z "]


class Everything:
    """Reads each line, as `Judge` would without leaving any out."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    def in_block(self, keys: Iterable[bytes]) -> bool:
        return self._judge.in_block(keys)

    def may_skip(self, look: Look, place: Place) -> bool:
        return False


def one_by_one(log: bytes) -> Diagnosis:
    judge = Judge(ENTRIES)
    found = of_log(io.BytesIO(log), Everything(judge))
    return judge.hear_all(line for each in found for line in lines(each))


def lines(found: Line | StackAt) -> Iterable[Line]:
    return found.lines() if isinstance(found, StackAt) else [found]


def repeated(log: str, prefix: str, size: int) -> bytes:
    """The log again and again, with other numbers, addresses and losses in between."""
    parts = []
    while size > 0:
        counted = re.sub(r"0x[0-9a-f]+", f"0x7f{size:08x}", log)
        counted = re.sub(r"(?<=pid=)\d+", str(size), counted)
        body = "".join(f"{prefix}{line}\n" for line in counted.splitlines())
        parts.append(f"{body}a line {size}\n{{'loss': 1.{size}}}\n".encode())
        size -= len(parts[-1])
    return b"".join(parts)


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("size", [8_000, CHUNK + 50_000])
def test_stacks_and_quiet_lines_are_heard_at_once_without_a_difference(
    prefix: str, size: int
) -> None:
    chosen = LOGS if size < CHUNK else LOGS[::40]
    for log in chosen:
        whole = repeated(log, prefix, size)
        quick = Judge(ENTRIES).read(io.BytesIO(whole))
        assert quick.to_json("en") == one_by_one(whole).to_json("en"), log


def test_a_stack_that_comes_again_is_followed_by_another_exception() -> None:
    """Its name is one of an exception only below a stack."""
    stack = 'Traceback (most recent call last):\n  File "a.py", line 3, in put\n    put(it)\n'
    went_on = "{'loss': 1.2}\n{'loss': 1.1}\n"
    caught = f"{stack}store.Missing: a\n{went_on}" * 3
    log = f"{caught}{stack}store.NotThere: b\nMore of its message\n".encode()
    found = Judge(ENTRIES).read(io.BytesIO(log))
    assert found.crash
    assert found.crash.lines == [
        *stack.splitlines(), "store.NotThere: b", "More of its message",
    ]  # fmt: skip
    assert found.crash.first.number == 19


def test_a_quiet_line_is_heard_where_a_traceback_is_being_read() -> None:
    """It ends the exception's message after MAX_MESSAGE lines, and none before."""
    head = (
        'a line\nTraceback (most recent call last):\n  File "a.py", line 3, in put\nKeyError: 1\n'
    )
    found = Judge(ENTRIES).read(io.BytesIO((head + "more of it\n" * 30).encode()))
    assert found.crash
    assert found.crash.lines[3:] == ["more of it"] * MAX_MESSAGE


def test_lines_that_differ_in_their_numbers_look_the_same() -> None:
    """A pattern of `Look` that names a digit would fail here."""
    assert len(PROPERTIES) > 12
    for log in LOGS:
        for text in log.splitlines():
            key = masked(text.encode())
            same = Look(key.decode())
            assert Look(text) == same
            for name in PROPERTIES:
                assert getattr(Look(text), name) == getattr(same, name), (name, text)


def test_the_fixed_text_of_a_pattern_is_found_in_the_masked_line() -> None:
    fixed = {pattern.fixed for entry in ENTRIES for pattern in entry.patterns}
    found = 0
    for log in LOGS:
        for text in log.splitlines():
            for part in fixed:
                if part in text:
                    found += 1
                    assert masked_part(part.encode()) in masked(text.encode())
    assert found > 100


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("step 12 of 620", "step 00 of 000"),
        ("<Session object at 0x7fa0b1c2>: refused", "<Session object at 0x00000000>: refused"),
        ("a deadbeef 0xzz 0x12", "a deadbeef 0xzz 0x00"),
        ("no0x7fa0b1c2, 0x7fa0b1c2g", "no0x0fa0b0c0, 0x0fa0b0c0g"),
        ("épochè ² 3", "épochè ² 0"),
    ],
)
def test_a_masked_line(text: str, key: str) -> None:
    assert masked(text.encode()).decode() == key


@pytest.mark.parametrize(
    ("fixed", "line"),
    [
        ("bad address of", "0x7f3bad address of"),
        ("object at 0x7f3a", "object at 0x7f3a9c00"),
        ("with code 0", "with code 0x7f3a9c00"),
        ("[Errno 28] No", "[Errno 28] No space"),
    ],
)
def test_a_fixed_text_may_begin_or_end_in_an_address(fixed: str, line: str) -> None:
    assert fixed in line
    assert masked_part(fixed.encode()) in masked(line.encode())

"""A paste that a terminal or a form has wrapped has the same verdict or none, never another one."""

from __future__ import annotations

import io
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from dsk.diagnose import Judge, load
from dsk.diagnose.wrapped import groups
from tests.unit.diagnose.test_forms import LOGS

ENTRIES = load()
WEAKER = {entry.id for entry in ENTRIES if entry.raised}
GOOD = sorted((Path(__file__).parent / "good").glob("*.log.xz"))
UNKNOWN_AT_MOST = 0.15
"""The share of reports whose cause is not found once their lines were cut at a fixed width: most
have one line that is cut, which is no proof."""


def verdict(log: str) -> str | None:
    return Judge(ENTRIES).read(io.BytesIO(log.encode())).id


PLAIN = [verdict(log) for log in LOGS]


def cut(line: str, width: int) -> list[str]:
    """As a terminal does."""
    return [line[at : at + width] for at in range(0, len(line), width)] or [""]


def cut_and_stripped(line: str, width: int) -> list[str]:
    """As a terminal's text is copied by some programs: without blanks at the end."""
    return [piece.rstrip() for piece in cut(line, width)]


def between_words(line: str, width: int) -> list[str]:
    """As mail programs and forms do."""
    pieces = []
    while len(line) > width:
        at = line.rfind(" ", 1, width + 1)
        at = at if line[: max(at, 0)].strip() else width
        pieces.append(line[:at])
        line = line[at:].removeprefix(" ")
    return [*pieces, line]


Wrap = Callable[[str, int], list[str]]


def wrapped(log: str, wrap: Wrap, width: int) -> str:
    return "\n".join(piece for line in log.splitlines() for piece in wrap(line, width))


@pytest.mark.parametrize("width", [80, 100, 120])
@pytest.mark.parametrize("wrap", [cut, cut_and_stripped, between_words])
def test_no_report_gets_another_cause(wrap: Wrap, width: int) -> None:
    now = [verdict(wrapped(log, wrap, width)) for log in LOGS]
    pairs = list(zip(PLAIN, now, strict=True))
    # Where the line that a specific entry knows was broken, a weaker one may name what is left: the
    # exception's own words. Between words, also the line that says it was only logged may be lost.
    others = [(was, found) for was, found in pairs if found not in (None, was)]
    assert {found for _, found in others} <= WEAKER
    assert [was for was, _ in others if was is None and wrap is not between_words] == []
    if wrap is not between_words:
        assert sum(was != found for was, found in pairs) <= UNKNOWN_AT_MOST * len(pairs)


def test_lines_are_joined_where_words_of_several_lines_are_cut() -> None:
    log = (
        "[rank0]: Traceback (most recent call last):\n"
        '[rank0]:   File "/opt/venv/lib/python3.11/site-packages/llamafactory/data/loader.py", '
        "line 149, in _get_merged_dataset\n"
        "[rank0]: ValueError: Undefined dataset /opt/data/private/LLaMA-Factory/data/train1.json "
        "in dataset_info.json.\n"
    )
    found = Judge(ENTRIES).read(io.BytesIO(wrapped(log, cut, 80).encode()))
    assert found.id == "dataset-undefined"
    assert found.evidence[0].number == 4, "the number of the first piece"
    assert found.evidence[0].text.endswith("in dataset_info.json.")
    quoted = "".join(f"    {line}\r\n" for line in wrapped(log, cut, 80).splitlines())
    again = Judge(ENTRIES).read(io.BytesIO(quoted.encode()))
    assert (again.id, again.evidence) == (found.id, found.evidence)


def test_no_unwrapped_report_is_touched() -> None:
    touched = [log for log in LOGS if len(groups(log.split("\n"))) != len(log.split("\n"))]
    assert touched == []


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name)
def test_no_good_run_is_touched(path: Path) -> None:
    texts = lzma.decompress(path.read_bytes()).decode(errors="replace").split("\n")
    assert len(groups(texts)) == len(texts)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([f"{'x' * 70}{n}: loss is {n}" for n in range(9)] * 2, id="the same text"),
        pytest.param([*["│" + "a b" * 26 + "│", "│" + "c d" * 26 + "│"] * 4, "end"], id="a box"),
        pytest.param(["=" * 80, "Root Cause", "-" * 80, "done", "*" * 80, "x"], id="rules"),
        pytest.param(["a" * 80, "ValueError: x", "b" * 80, "[rank0]: y"], id="own beginnings"),
        pytest.param(["a" * 80, "goes on", "other"], id="one line alone"),
        pytest.param(["a" * 80, "goes on", "b" * 80, "here", "c" * 81], id="a longer line"),
        pytest.param(["a" * 30, "goes on", "b" * 30, "here"], id="too narrow"),
        pytest.param(
            [f"gpu3: {text:74}" for text in ("one is", "two are", "three")], id="a filled screen"
        ),
        pytest.param([f"gpu3: {c * 74}" for c in "abc"], id="a prefix of each line"),
        pytest.param([], id="nothing"),
    ],
)
def test_what_is_no_proof(lines: list[str]) -> None:
    assert len(groups(lines)) == len(lines)

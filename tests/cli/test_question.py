"""The question at Ctrl-C, on a real terminal."""

from __future__ import annotations

import sys

import pexpect
import pytest

PROGRAM = """
from dsk.cli.launch import ANSWERS
from dsk.cli.question import ask
try:
    print("answer:", ask("stop?", "s or d", ANSWERS, default="stop"))
except KeyboardInterrupt:
    print("answer: Ctrl-C")
"""


def answer(*typed: str) -> str:
    child = pexpect.spawn(sys.executable, ["-c", PROGRAM], encoding="utf-8", timeout=30)
    for keys in typed:
        child.expect(r"stop\? \(s or d\) \[stop\]: ")
        child.send(keys)
    child.expect(r"answer: (.*)\r\n")
    return str(child.match[1])


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["d\n"], "detach"),
        (["S\n"], "stop"),
        (["转到后台\n"], "detach"),
        (["\n"], "stop"),
        (["what\n", "detach\n"], "detach"),
        (["\x04"], "stop"),
        (["\x03"], "Ctrl-C"),
        (["what\n", "\x03"], "Ctrl-C"),
    ],
    ids=["d", "s", "Chinese", "empty", "unknown", "end", "Ctrl-C", "Ctrl-C later"],
)
def test_what_is_typed(typed: list[str], meant: str) -> None:
    assert answer(*typed) == meant

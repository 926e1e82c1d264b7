"""What a person sees of a job: in a pipe, and on a terminal."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import click
import pexpect
import pytest

from dsk.cli.controls import coloured, printable
from dsk.cli.progress import LINE_EVERY_S
from dsk.cli.screen import CLEAR, Screen
from dsk.text import verbatim
from dsk.wire.events import Event, Failure, Finished, Output, Phase, encode

MOVES = "\x1b[2J\x1b]0;title\x07a\x1b[31mred\x1b[0m\x08\x1b7b\tc\x9b2J"
STAYS = "aredb\tc"
"""MOVES in a pipe, where colours are dropped too."""
DONE = Finished(99.0, "succeeded", 0, 98.0, "/jobs/j", "/out")


def in_a_pipe(capsys: pytest.CaptureFixture[str], *events: Event, ranks: int = 2) -> list[str]:
    screen = Screen(ranks, 2)
    for event in events:
        screen.show(event)
    screen.close()
    return capsys.readouterr().out.splitlines()


def test_prefixes_are_aligned_and_equal_lines_are_one(capsys: pytest.CaptureFixture[str]) -> None:
    shown = in_a_pipe(
        capsys,
        Phase(0.0, "running", verbatim("the ranks are running")),
        Output(1.0, 0, 0, "both"),
        Output(1.1, 1, 1, "both"),
        Output(1.2, 1, 1, "one"),
        Output(1.3, None, None, "the runner"),
    )
    assert shown == [
        "dsk: the ranks are running",
        "[all 2 ranks]  both",
        "[node1 rank 1] one",
        "[master]       the runner",
    ]


def test_a_clock_that_is_set_back_holds_nothing_back(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(2, 2)
    for event in (
        Output(5000.0, 0, 0, "before", bar=True),
        Output(5000.0, 0, 0, "before"),
        Output(100.0, 0, 0, "after"),
        Output(100.0 + LINE_EVERY_S, 0, 0, "a bar", bar=True),
        Output(101.5 + LINE_EVERY_S, 0, 0, "last"),
    ):
        screen.show(event)
    shown = capsys.readouterr().out.splitlines()
    texts = [line.split("] ")[1].strip() for line in shown]
    assert texts == ["before", "a bar", "before", "after"], "a bar is shown at once"


def test_a_bar_in_a_pipe_is_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    bars = [
        Output(100.0 + 2 * n, rank, rank, f"{n}% of rank {rank}", bar=True)
        for n in range(100)
        for rank in (0, 1)
    ]
    shown = in_a_pipe(capsys, *bars)
    assert len(shown) == 200 / LINE_EVERY_S
    assert all(line.startswith("[node0 rank 0] ") for line in shown)


def test_what_a_rank_prints_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    [shown] = in_a_pipe(capsys, Output(1.0, 0, 0, MOVES), ranks=1)
    assert shown == f"[node0 rank 0] {STAYS}"


def test_nor_can_what_a_launcher_prints_or_a_failure_quotes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = in_a_pipe(
        capsys,
        Output(1.0, 1, None, MOVES),
        Failure(2.0, verbatim(f"rank 1 exited with 1: {MOVES}\nnode1: {MOVES}"), lines=(MOVES,)),
    )
    assert shown == [
        f"[node1]        {STAYS}",
        f"failed: rank 1 exited with 1: {STAYS}",
        f"node1: {STAYS}",
        f"  | {STAYS}",
    ]


def test_a_colour_ends_with_its_line() -> None:
    assert coloured("\x1b[31mred") == "\x1b[31mred\x1b[0m"
    assert coloured("none") == "none"
    assert printable("\x1b[31mred\nmore") == "\x1b[31mred\x1b[0m\nmore"


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("\x1bcx", "x"),
        ("\x1b]52;c;cm0=\x07x", "x"),
        ("\x1b]52;c;cm0=\x1b\\x", "x"),
        ("\x9d52;c;cm0=\x9cx", "x"),
        ("\x1b]52;c;cm0=", "52;c;cm0="),
        ("\x1bP1$r\x1b\\x", "x"),
        ("\x9b31mx", "x"),
        ("\x1b[>4;2mx", "x"),
        ("\x1b[?1049hx", "x"),
        ("\x1b(0x", "x"),
        ("\x1b\x1b[31mx", "\x1b[31mx\x1b[0m"),
        ("\x1b[3\x071mx", "31mx"),
        ("\x1b\x07[2Jx", "[2Jx"),
        ("one\rtwo", "onetwo"),
        ("\x1b", ""),
    ],
)
def test_of_control_sequences_colours_alone_stay(text: str, stays: str) -> None:
    assert coloured(text) == stays


def test_filtering_takes_time_in_proportion_to_a_line() -> None:
    begin = time.process_time()
    for hostile in ("\x1b]", "\x9d", "\x1b[1", "\x1b[0;", "\x9b"):
        coloured(hostile * 200_000)
    assert time.process_time() - begin < 5


PROGRAM = """
import sys
from dsk.cli.screen import Screen
from dsk.wire.events import decode
screen = Screen(2, 2)
for line in open(sys.argv[1]):
    screen.show(decode(line))
screen.close()
"""


def on_a_terminal(tmp_path: Path, *events: Event, term: str = "xterm") -> str:
    path = tmp_path / "events"
    path.write_text("".join(encode(event) + "\n" for event in events))
    child = pexpect.spawn(
        sys.executable,
        ["-c", PROGRAM, str(path)],
        env={**os.environ, "TERM": term},
        encoding="utf-8",
        timeout=30,
        dimensions=(24, 60),
    )
    child.expect(pexpect.EOF)
    child.close()
    return str(child.before)


def seen(written: str) -> list[str]:
    """The lines of a terminal that was sent this, without their colours."""
    return [click.unstyle(line.rpartition(CLEAR)[2]) for line in written.split("\r\n")]


def test_a_bar_on_a_terminal_stays_in_its_place(tmp_path: Path) -> None:
    bars = [
        Output(float(n), 0, 0, f"{n:3}%|{'█' * 80}| of many", bar=True) for n in range(0, 100, 10)
    ]
    after: list[Event] = [Output(100.0, 1, 1, "a line"), Output(101.0, 0, 0, "100%| of many"), DONE]
    written = on_a_terminal(
        tmp_path, *bars[:5], Phase(50.0, "running", verbatim("above")), *bars[5:], *after
    )
    assert [line for line in seen(written) if line][:3] == [
        "dsk: above",
        "[node1 rank 1] a line",
        "[node0 rank 0] 100%| of many",
    ]
    assert written.count("█") > 10 * 20
    longest = max(len(part) for part in written.replace("\r\n", CLEAR).split(CLEAR))
    assert longest < 60, "a bar that wraps cannot be drawn over"


def test_lines_of_its_own_rank_are_printed_above_a_bar(tmp_path: Path) -> None:
    bar = Output(1.0, 0, 0, "10%|#", bar=True)
    written = on_a_terminal(
        tmp_path, bar, Output(1.1, 0, 0, "{'loss': 1}"), Phase(1.2, "running", verbatim(""))
    )
    assert written.count("10%|#") >= 2, "drawn again below the line"


def test_a_dumb_terminal_is_not_drawn_on(tmp_path: Path) -> None:
    bar = Output(100.0, 0, 0, "10%", bar=True)
    assert CLEAR not in on_a_terminal(tmp_path, bar, DONE, term="dumb")

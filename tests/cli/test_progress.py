"""Bytes on their way, where there is no terminal."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

from dsk import cli
from dsk.cli.progress import Progress
from dsk.cli.transfer import Printer
from dsk.cluster import load
from dsk.text import Text
from dsk.wire.transfer import Done, Moved, Planned
from tests.cli.conftest import Dsk

MB = 1_000_000


def ticking(step: float) -> Callable[[], float]:
    """A clock that is `step` seconds further at each look."""
    times: Iterator[float] = (n * step for n in range(1_000_000))
    return lambda: next(times)


def test_the_start_the_end_and_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(clock=ticking(0.1)) as progress:
        for done in range(0, 801):
            progress.update("node1", done * MB, 800 * MB)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "node1: 0.0 of 800.0 MB"
    assert re.fullmatch(r"node1: 800\.0 of 800\.0 MB, \d+ MB/s", lines[-1])
    # 80 s
    assert len(lines) == 9


def test_a_total_that_turns_out_to_be_too_small(capsys: pytest.CaptureFixture[str]) -> None:
    """`docker save` of an image writes more than its size: 793 lines were printed for one image."""
    with Progress(clock=ticking(0.01)) as progress:
        for done in range(0, 1600):
            size = 800
            progress.update("packed", done * MB, max(done, size) * MB)
    lines = capsys.readouterr().out.splitlines()
    assert 3 <= len(lines) <= 5, lines
    assert lines[-1].startswith("packed: 1.6 of 1.6 GB")


def test_a_total_that_is_not_known_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(clock=ticking(6.0)) as progress:
        for done in (0, 5, 10):
            progress.update("node1", done * MB, None)
    assert capsys.readouterr().out.splitlines() == [
        "node1: 0.0 MB",
        "node1: 10.0 MB, 1 MB/s",
    ]


def test_in_chinese(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    with Progress(clock=ticking(6.0)) as progress:
        for done in (0, 10):
            progress.update(Text("sent to {where}").filled(where="node1"), done * MB, 10 * MB)
    assert capsys.readouterr().out.splitlines() == [
        "已发送到 node1: 0.0 MB，共 10.0 MB",
        "已发送到 node1: 10.0 MB，共 10.0 MB, 1 MB/s",
    ]


PROGRAM = """
from dsk.cli.progress import Progress
with Progress() as progress:
    for done in range(11):
        progress.update("node1", done, 10)
"""


@pytest.mark.parametrize(("term", "draws"), [("dumb", False), ("xterm", True)])
def test_a_terminal_that_cannot_be_drawn_on_gets_lines(term: str, *, draws: bool) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-c", PROGRAM],
        env={**os.environ, "TERM": term},
        encoding="utf-8",
        timeout=30,
    )
    child.expect(pexpect.EOF)
    child.close()
    assert ("\x1b[" in child.before) == draws
    assert ("node1: 0.0 of 0.0 MB\r\n" in child.before) != draws


def test_an_error_shows_how_far_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OSError, match="gone"), Progress() as progress:
        progress.update("node1", 0, 10 * MB)
        progress.update("node1", 7 * MB, 10 * MB)
        raise OSError("gone")
    assert capsys.readouterr().out.splitlines()[-1].startswith("node1: 7.0 of 10.0 MB")


def test_names_do_not_share_their_time(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress:
        progress.update("node1", 5 * MB, 10 * MB)
        progress.say("node1 rests")
        progress.update("node2", 5 * MB, 10 * MB)
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["node1: 5.0 of 10.0 MB", "node1 rests", "node2: 5.0 of 10.0 MB"]


def test_every_command_shows_its_progress_by_this_class() -> None:
    """No other module computes a rate or draws a bar of its own."""
    folder = Path(cli.__file__).parent
    others = [
        path.name
        for path in folder.rglob("*.py")
        if path.name != "progress.py" and re.search(r"rich\.progress|MB/s|it/s", path.read_text())
    ]
    assert others == []


def test_a_push_in_a_pipe(in_cluster: Dsk, capsys: pytest.CaptureFixture[str]) -> None:
    cluster = load(in_cluster.folder / "dsk.yaml")
    with Printer(cluster, as_json=False) as show:
        show(Planned(1, 1, 4 * MB, ()))
        for done in (0, 1, 2, 4):
            show(Moved(1, done * MB, 4 * MB, 1.0))
        show(Done(1, 1, 4 * MB, 1, 0, 2.0))
    lines = [line.partition(": ")[2] for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "1 file to copy, 4.0 MB"
    assert lines[1] == "0.0 of 4.0 MB"
    assert lines[2].startswith("4.0 of 4.0 MB, ")
    assert lines[3].startswith("done in 2.0 s")
    assert len(lines) == 4

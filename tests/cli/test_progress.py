"""Bytes on their way, where there is no terminal."""

from __future__ import annotations

import re

import pytest

from dsk.cli.progress import Progress


def test_a_line_for_each_tenth_and_the_end_once(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress:
        for done in (*range(0, 1001, 25), 1000):
            progress.update("node1", done * 2_000_000, 2_000_000_000)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert re.fullmatch(r"node1: 0\.2 of 2\.0 GB, \d+ MB/s", lines[0])
    assert lines[-1].startswith("node1: 2.0 of 2.0 GB")


def test_names_do_not_share_their_tenths(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress:
        progress.update("node1", 5_000_000, 10_000_000)
        progress.say("node1 rests")
        progress.update("node2", 5_000_000, 10_000_000)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "node1: 5.0 of 10.0 MB",
        "node1 rests",
        "node2: 5.0 of 10.0 MB",
    ]

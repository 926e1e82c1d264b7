"""The ranks that an agent starts, asked for while they are being started."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from dsk.agent import ranks
from dsk.agent.excerpt import Excerpt
from dsk.agent.output import RankOutput
from dsk.agent.ranks import Ranks
from dsk.agent.starter import ExecStarter, RankCommand

LEAVES_A_CHILD = """
import os, subprocess
child = subprocess.Popen(["sleep", "60"])
print(child.pid)
print("x" * 99_000)
print("the cause", flush=True)
os._exit(1)
"""
"""The child keeps the rank's output open."""
ENDS = "import sys; sys.exit(1)"
"""Without a word, which the assertion on lines would see."""


def test_a_rank_that_is_being_started_can_be_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = Ranks(tmp_path / "logs", ExecStarter(), threading.Condition(), lambda _: None)

    def asked_meanwhile(*arguments: Any) -> RankOutput:
        assert all(started.lines(rank, 0, 9) == ([], 0) for rank in started.pids())
        return RankOutput(*arguments)

    monkeypatch.setattr(ranks, "RankOutput", asked_meanwhile)
    for rank in (0, 1):
        started.start(RankCommand(rank, [sys.executable, "-c", ENDS], {}, tmp_path))
        assert rank in started.pids()
    deadline = time.monotonic() + 20
    while len(started.exits()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert {each.code for each in started.exits()} == {1}


def test_an_exit_is_told_after_the_last_lines_on_a_machine_that_reads_them_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = Excerpt.feed

    def late(excerpt: Excerpt, data: bytes, now: float) -> list[str]:
        time.sleep(3 * ranks.OUTPUT_ENDS_WITHIN_S)
        return feed(excerpt, data, now)

    monkeypatch.setattr(Excerpt, "feed", late)
    started = Ranks(tmp_path / "logs", ExecStarter(), threading.Condition(), lambda _: None)
    started.start(RankCommand(0, [sys.executable, "-c", LEAVES_A_CHILD], {}, tmp_path))
    deadline = time.monotonic() + 20
    while not started.exits() and time.monotonic() < deadline:
        time.sleep(0.01)
    child, *_, last = [line.text for line in started.lines(0, 0, 100)[0]]
    os.kill(int(child), signal.SIGKILL)
    assert [each.code for each in started.exits()] == [1]
    assert last == "the cause"

"""The ranks that an agent starts, asked for while they are being started."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from dsk.agent import ranks
from dsk.agent.output import RankOutput
from dsk.agent.ranks import Ranks

ENDS = "import sys; sys.exit(1)"
"""Without a word, which the assertion on lines would see."""


def test_a_rank_that_is_being_started_can_be_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = Ranks(tmp_path / "logs", threading.Condition(), lambda _: None)

    def asked_meanwhile(*arguments: Any) -> RankOutput:
        assert all(started.lines(rank, 0, 9) == ([], 0) for rank in started.pids())
        return RankOutput(*arguments)

    monkeypatch.setattr(ranks, "RankOutput", asked_meanwhile)
    for rank in (0, 1):
        started.start(rank, [sys.executable, "-c", ENDS], {}, folder=tmp_path)
        assert rank in started.pids()
    deadline = time.monotonic() + 20
    while len(started.exits()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert {each.code for each in started.exits()} == {1}

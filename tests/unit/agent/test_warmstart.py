"""When a rank is asked of the warm process at all, and what happens where none answers.

Real forks: tests/image/test_warm.py.
"""

from __future__ import annotations

import os
import select
import sys
import time
from pathlib import Path

import pytest

from dsk.agent import warmstart
from dsk.agent.starter import ExecStarter, RankCommand, RankProcess
from dsk.agent.warmstart import WarmStarter
from dsk.text import verbatim
from dsk.wire.warm import WarmState
from tests.texts import en

GONE = 2**22 + 1
"""Above the highest process id."""


def start(folder: Path, state: WarmState | None, wait_s: float = 0.0, **env: str) -> RankProcess:
    file = folder / "state.json"
    if state:
        file.write_bytes(state.encode())
    starter = WarmStarter(ExecStarter(), state=file, address=folder / "socket", ready_limit=wait_s)
    process = starter.start(RankCommand(0, [sys.executable, "-c", "print(1)"], env, folder))
    assert process.output.read() == b"1\n" and process.wait() == 0
    process.output.close()
    return process


@pytest.mark.parametrize(
    "state", [None, WarmState("off", "false", GONE, verbatim("warm is false in dsk.yaml"))]
)
def test_without_a_warm_process_nothing_is_said(tmp_path: Path, state: WarmState | None) -> None:
    assert start(tmp_path, state).cold is None


def test_a_warm_process_that_was_asked_for_and_cannot_be_had(tmp_path: Path) -> None:
    off = WarmState("off", "true", GONE, verbatim("no GPU in a fork"))
    assert start(tmp_path, off).cold == off.reason


def wishing(folder: Path, state: WarmState) -> tuple[str, str]:
    """Why a rank of a job with `warm: true` starts cold, and what then arrives in the FIFO."""
    file, wish = folder / "state.json", folder / "wish"
    file.write_bytes(state.encode())
    os.mkfifo(wish)
    reader = os.open(wish, os.O_RDONLY | os.O_NONBLOCK)
    starter = WarmStarter(ExecStarter(), state=file, address=folder / "socket", wish=wish)
    env = {"DSK_WARM": "true"}
    process = starter.start(RankCommand(0, [sys.executable, "-c", ""], env, folder))
    process.output.close()
    process.wait()
    assert select.select([reader], [], [], 0)[0] == []
    starter.close()
    try:
        return en(process.cold), os.read(reader, 100).decode()
    finally:
        os.close(reader)


def test_a_job_that_wants_a_warm_process_has_one_started_when_it_is_over(tmp_path: Path) -> None:
    off = WarmState("off", "auto", GONE, verbatim("this worker has cuda"))
    assert wishing(tmp_path, off) == (
        "this worker has cuda; dsk.yaml has warm: true, so one is started after this job",
        "true\n",
    )


def test_a_warm_process_that_cannot_be_had_is_not_asked_for_again(tmp_path: Path) -> None:
    off = WarmState("off", "true", GONE, verbatim("no GPU in a fork"))
    assert wishing(tmp_path, off) == ("no GPU in a fork", "")


def test_a_wish_that_nobody_reads_is_dropped(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.write_bytes(WarmState("off", "auto", GONE, verbatim("why")).encode())
    for wish in (tmp_path / "none", tmp_path / "wish"):
        starter = WarmStarter(ExecStarter(), state=file, address=tmp_path / "no", wish=wish)
        env = {"DSK_WARM": "true"}
        process = starter.start(RankCommand(0, [sys.executable, "-c", ""], env, tmp_path))
        process.output.close()
        process.wait()
        starter.close()
        if wish.name == "none":
            os.mkfifo(tmp_path / "wish")


def test_a_rank_can_ask_for_a_cold_start(tmp_path: Path) -> None:
    assert start(tmp_path, WarmState("ready", "auto", GONE), DSK_WARM="false").cold is None
    assert start(tmp_path, WarmState("ready", "auto", GONE)).cold is not None


def test_a_warm_process_that_has_ended_is_not_waited_for(tmp_path: Path) -> None:
    begin = time.monotonic()
    process = start(tmp_path, WarmState("importing", "auto", GONE), 60.0)
    assert "no warm process answers" in en(process.cold)
    assert time.monotonic() - begin < 30


def test_only_the_first_rank_waits_for_imports(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.write_bytes(WarmState("importing", "auto", os.getpid()).encode())
    starter = WarmStarter(ExecStarter(), state=file, address=tmp_path / "no", ready_limit=0.15)
    times = []
    for _ in range(2):
        begin = time.monotonic()
        starter._state_when_ready()
        times.append(time.monotonic() - begin)
    assert times[0] >= 0.15 > times[1]


def test_how_the_warm_process_is(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    assert warmstart.look(file) is None
    file.write_bytes(WarmState("ready", "auto", os.getpid(), seconds=7.0).encode())
    found = warmstart.look(file)
    assert found and found.state == "ready" and (found.memory or 0) > 1_000_000
    file.write_bytes(WarmState("ready", "auto", GONE).encode())
    assert (gone := warmstart.look(file)) and (gone.state, gone.memory) == ("gone", None)
    file.write_bytes(WarmState("off", "true", GONE, verbatim("why")).encode())
    assert (off := warmstart.look(file)) and (off.state, en(off.reason)) == ("off", "why")

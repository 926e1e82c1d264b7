"""Agents that are killed, end by themselves, or hang: what is said of it, and what is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from dsk.agent import aftermath, lock, processes
from dsk.agent.job import Job
from dsk.agent.refused import Refused
from dsk.text import Text
from dsk.wire import paths
from dsk.wire.operations import Close, TakeLock
from dsk.wire.session import AGENT_HANGS, NO_AGENT
from tests.texts import en
from tests.unit.agent.peers import JOB, Agent, program, start
from tests.unit.conftest import FrozenDisk

SLEEPS = "import time; time.sleep(60)"
OTHER = "20260101-130000-cd34"


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Job]:
    """The next job in the same worker, as its agent has it."""
    made = Job(str(tmp_path / "w"), OTHER)
    yield made
    made.close(Close())


def the_rank() -> int:
    """Its process id. The kernel shows the environment a moment after a program has started."""
    deadline = time.monotonic() + 20
    while not (ranks := processes.ranks_of_job(JOB)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    [pid] = ranks.values()
    return pid


def dsk_agent(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [*program(tmp_path), *words]
    return subprocess.run(
        command, input="", capture_output=True, text=True, timeout=60, check=False
    )


def asked(tmp_path: Path) -> tuple[int, str]:
    """What the supervisor's next connection would be told."""
    done = dsk_agent(tmp_path, "job", "--job", JOB, "--workspace", str(tmp_path / "w"))
    said = done.stderr.strip()
    return done.returncode, en(Text.from_raw(json.loads(said))) if said else ""


def test_an_agent_that_was_killed_is_said_to_be_and_leaves_nothing(
    agent: Agent, tmp_path: Path, run_folder: Path
) -> None:
    start(agent.connect(), SLEEPS)
    rank = the_rank()
    os.kill(agent.pid, signal.SIGKILL)
    agent.wait(20)
    assert asked(tmp_path) == (NO_AGENT, en(aftermath.KILLED))
    assert processes.stat(rank) is None
    left = {path.name for path in run_folder.rglob("*") if JOB in path.name}
    assert left == {f"{JOB}.agent"}, "the note, for whoever asks again"
    assert asked(tmp_path) == (NO_AGENT, en(aftermath.KILLED))
    aftermath.remove_old_notes()
    assert not [path for path in run_folder.rglob("*") if JOB in path.name]


def test_an_agent_whose_worker_was_restarted_is_said_to_be(agent: Agent, tmp_path: Path) -> None:
    start(agent.connect(), SLEEPS)
    os.kill(agent.pid, signal.SIGKILL)
    agent.wait(20)
    Path(paths.agent_note(JOB)).unlink()  # memory is lost with the container
    assert asked(tmp_path) == (NO_AGENT, en(aftermath.RESTARTED))


@pytest.mark.long
def test_an_agent_that_nobody_asked_says_so(tmp_path: Path) -> None:
    agent = Agent(tmp_path / "w", lease=1.0)
    try:
        start(agent.connect(), SLEEPS)
        agent.wait(15)
        code, why = asked(tmp_path)
    finally:
        agent.end()
    assert code == NO_AGENT
    assert why == "dsk's agent has ended there: the supervisor has not asked for 1 s"


def test_a_stopped_agent_is_not_taken_for_a_missing_one(agent: Agent, tmp_path: Path) -> None:
    start(agent.connect(), SLEEPS)
    assert aftermath.hanging(JOB) is None
    os.kill(agent.pid, signal.SIGSTOP)
    grow_old(aftermath.STALE_S + 0.5)
    code, why = asked(tmp_path)
    assert code == AGENT_HANGS
    assert why.endswith("it was stopped by a signal")
    os.kill(agent.pid, signal.SIGCONT)
    deadline = time.monotonic() + 20
    while aftermath.hanging(JOB):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert asked(tmp_path) == (0, ""), "it runs again, and nothing was ended"
    assert len(processes.ranks_of_job(JOB)) == 1


def test_a_job_ends_without_its_agent(agent: Agent, tmp_path: Path, run_folder: Path) -> None:
    start(agent.connect(), SLEEPS)
    rank = the_rank()
    os.kill(agent.pid, signal.SIGSTOP)
    done = dsk_agent(tmp_path, "end", "--with-agent", JOB)
    assert (done.returncode, done.stdout) == (0, "0\n")
    agent.wait(20)
    assert processes.stat(rank) is None
    assert lock.holder() is None
    assert not list((run_folder / "jobs").iterdir())


def grow_old(seconds: float) -> None:
    """As if the agent had stopped that long ago."""
    at = time.time() - seconds
    os.utime(paths.agent_note(JOB), (at, at))


def test_the_next_job_takes_the_lock_of_one_that_hangs_for_good(
    agent: Agent, other: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aftermath, "ANSWER_S", 0.1)
    start(agent.connect(), SLEEPS)
    rank = the_rank()
    os.kill(agent.pid, signal.SIGSTOP)
    grow_old(aftermath.GIVEN_UP_S - 5)
    with pytest.raises(lock.Busy):
        other.take_lock(TakeLock())
    assert processes.stat(rank) is not None, "its supervisor may still hear of it"
    grow_old(aftermath.GIVEN_UP_S + 5)
    other.take_lock(TakeLock())
    assert lock.holder() == OTHER
    assert processes.stat(rank) is None
    agent.wait(20)


def test_an_agent_that_runs_keeps_its_lock(agent: Agent, other: Job) -> None:
    start(agent.connect(), SLEEPS)
    grow_old(1000)
    with pytest.raises(lock.Busy):
        other.take_lock(TakeLock())
    assert len(processes.ranks_of_job(JOB)) == 1


IN_THE_KERNEL = """
import os, sys, time
from dsk.agent import aftermath, lock
held = lock.take(sys.argv[1])
aftermath.write_note(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
os.write(os.open(sys.argv[2], os.O_CREAT | os.O_WRONLY), b"x")
"""


def test_a_lock_whose_holder_cannot_even_be_killed_is_replaced(
    tmp_path: Path, frozen: FrozenDisk, other: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aftermath, "ANSWER_S", 0.1)
    monkeypatch.setattr(aftermath, "DIES_WITHIN_S", 0.2)
    words = [*program(tmp_path, IN_THE_KERNEL), JOB, str(frozen.path / "file")]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdin and holder.stdout
        holder.stdout.readline()
        frozen.freeze()
        holder.stdin.write("\n")
        holder.stdin.flush()
        deadline = time.monotonic() + 10
        while (found := processes.stat(holder.pid)) and found.state != "D":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        grow_old(aftermath.GIVEN_UP_S + 5)
        assert en(aftermath.hanging(JOB)).endswith("it waits in the kernel, as for a disk")
        other.take_lock(TakeLock())
        assert holder.poll() is None, "it still waits"
        assert lock.holder() == OTHER
        with pytest.raises(lock.Busy):
            lock.take("a third one")
        frozen.thaw()
        assert holder.wait(10) == -signal.SIGKILL


def test_processes_that_cannot_be_ended_are_said_to_be_in_the_way(
    tmp_path: Path,
    agent: Agent,
    frozen: FrozenDisk,
    other: Job,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(aftermath, "ANSWER_S", 0.1)
    monkeypatch.setattr(processes, "end", partial(processes.end, grace=0.2, limit=1.0))
    file = frozen.path / "file"
    frozen.freeze()
    start(agent.connect(), f"open({str(file)!r}, 'w').write('x')")
    deadline = time.monotonic() + 10
    while "D" not in {found.state for found in map(processes.stat, ranks()) if found}:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(agent.pid, signal.SIGSTOP)
    grow_old(aftermath.GIVEN_UP_S + 5)
    with pytest.raises(Refused, match="1 of its processes cannot be ended"):
        other.take_lock(TakeLock())
    frozen.thaw()


def ranks() -> list[int]:
    return list(processes.ranks_of_job(JOB).values())

"""The processes of one job in this worker: its agent's descendants, and those that carry DSK_JOB.

Never by a name pattern: two jobs, or a user's own DeepSpeed, look alike by name.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
JOB_VARIABLE = "DSK_JOB"
RANK_VARIABLE = "RANK"
PR_SET_CHILD_SUBREAPER = 36
GRACE_S = 3.0
"""From SIGTERM to SIGKILL."""
END_LIMIT_S = 10.0


@dataclass(frozen=True)
class Process:
    """A process id is used again after its end; with the start time (clock ticks since boot) it
    names one process."""

    pid: int
    started: int


@dataclass(frozen=True)
class Stat:
    """/proc/PID/stat (proc(5)); `state` is its one letter."""

    state: str
    parent: int
    started: int


def stat(pid: int) -> Stat | None:
    """None for a process that has ended, zombies included."""
    try:
        # The second field is the program's name in brackets and may hold blanks and brackets.
        fields = (PROC / str(pid) / "stat").read_bytes().rpartition(b") ")[2].split()
    except OSError:
        return None
    if fields[0] in (b"Z", b"X"):
        return None
    return Stat(fields[0].decode(), int(fields[1]), int(fields[19]))


def become_subreaper() -> None:
    """What descendants leave behind when they end becomes this process's child, not init's."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def of_job(job: str) -> set[Process]:
    """The living processes that carry the job's label, without this one."""
    label = f"{JOB_VARIABLE}={job}".encode()
    return {
        Process(pid, found.started)
        for pid, found in _all().items()
        if pid != os.getpid() and label in _environ(pid)
    }


def state_of(process: Process) -> str | None:
    """As in Stat; None where it has ended."""
    found = stat(process.pid)
    return found.state if found and found.started == process.started else None


def alive(some: Iterable[Process]) -> set[Process]:
    return {process for process in some if state_of(process) is not None}


def descendants(of: int | None = None) -> set[Process]:
    """The living processes below `of`, by default this one."""
    root = os.getpid() if of is None else of
    everything = _all()
    below = {root}
    # Parents may have a higher number than their children: until nothing is added.
    while more := {
        pid for pid, found in everything.items() if found.parent in below and pid not in below
    }:
        below |= more
    return {Process(pid, everything[pid].started) for pid in below if pid != root}


def ranks_of_job(job: str) -> dict[int, int]:
    """Rank to process id, for ranks that somebody else has started: of those that carry the job's
    label and a rank, the ones whose parent does not carry that rank too."""
    label = f"{JOB_VARIABLE}={job}".encode()
    mark = f"{RANK_VARIABLE}=".encode()
    ranks: dict[int, int] = {}
    everything = _all()
    for pid in everything:
        environ = _environ(pid)
        if label in environ:
            values = [pair.removeprefix(mark) for pair in environ if pair.startswith(mark)]
            if values and values[0].isdigit():
                ranks[pid] = int(values[0])
    return {rank: pid for pid, rank in ranks.items() if ranks.get(everything[pid].parent) != rank}


def end(
    find: Callable[[], Iterable[Process]], *, grace: float = GRACE_S, limit: float = END_LIMIT_S
) -> int:
    """Ends what `find` finds: SIGTERM, after `grace` seconds SIGKILL, and whatever was started
    meanwhile. Returns how many were still there after `limit` seconds (0: all ended)."""
    begin = time.monotonic()
    asked: set[Process] = set()
    while alive := set(find()):
        elapsed = time.monotonic() - begin
        if elapsed > limit:
            return len(alive)
        for process in alive:
            if elapsed > grace:
                kill(process)
            elif process not in asked:
                asked.add(process)
                # A stopped process takes no SIGTERM until it is continued.
                _signal(process, signal.SIGTERM)
                _signal(process, signal.SIGCONT)
        time.sleep(0.1)
    return 0


def end_job(job: str, *, grace: float = GRACE_S, limit: float = END_LIMIT_S) -> int:
    """`end` for all that carry the job's label."""
    return end(lambda: of_job(job), grace=grace, limit=limit)


def kill(process: Process) -> None:
    """By SIGKILL; nothing happens where it has ended."""
    _signal(process, signal.SIGKILL)


def _all() -> dict[int, Stat]:
    pids = (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())
    return {pid: found for pid in pids if (found := stat(pid))}


def _environ(pid: int) -> list[bytes]:
    try:
        return (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _signal(process: Process, number: signal.Signals) -> None:
    found = stat(process.pid)
    if found and found.started == process.started:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)

"""The processes of one job in this worker, known by DSK_JOB in their environment.

Never by a name pattern: two jobs, or a user's own DeepSpeed, look alike by name.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
JOB_VARIABLE = "DSK_JOB"


@dataclass(frozen=True)
class Process:
    """A process id is used again after its end; with the start time (clock ticks since boot) it
    names one process."""

    pid: int
    started: int


def _start_time(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat (proc(5)); None for a process that has ended, zombies included."""
    try:
        # The second field is the program's name in brackets and may hold blanks and brackets.
        fields = (PROC / str(pid) / "stat").read_bytes().rpartition(b") ")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def _labelled(pid: int, label: bytes) -> bool:
    try:
        environ = (PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return False
    return label in environ.split(b"\0")


def of_job(job: str) -> list[Process]:
    """The job's living processes, without this one."""
    label = f"{JOB_VARIABLE}={job}".encode()
    found = []
    for entry in PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        started = _start_time(int(entry.name))
        if started is not None and _labelled(int(entry.name), label):
            found.append(Process(int(entry.name), started))
    return found


def _signal(process: Process, number: signal.Signals) -> None:
    if _start_time(process.pid) == process.started:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def end_job(job: str, *, grace: float = 3.0, limit: float = 10.0) -> int:
    """Ends the job's processes: SIGTERM, after `grace` seconds SIGKILL, and whatever they started
    meanwhile. Returns how many were still there after `limit` seconds (0: all ended)."""
    begin = time.monotonic()
    asked: set[Process] = set()
    while alive := of_job(job):
        elapsed = time.monotonic() - begin
        if elapsed > limit:
            return len(alive)
        for process in alive:
            if elapsed > grace:
                _signal(process, signal.SIGKILL)
            elif process not in asked:
                asked.add(process)
                # A stopped process takes no SIGTERM until it is continued.
                _signal(process, signal.SIGTERM)
                _signal(process, signal.SIGCONT)
        time.sleep(0.1)
    return 0

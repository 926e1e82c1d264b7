"""A job whose agent is gone, or hangs: why, and how what it left in this worker is ended.

While an agent lives it keeps a note in memory (paths.agent_note), and touches it twice a second. A
worker that restarts loses all notes.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dsk.agent import jobfolder, lock, processes
from dsk.agent.processes import Process
from dsk.agent.refused import Refused
from dsk.files import write_atomic
from dsk.text import Text
from dsk.wire import paths, session
from dsk.wire.news import BEFORE_ATTEMPTS
from dsk.wire.operations import AskNews

STALE_S = 5.0
"""An agent that has not touched its note for so long does not run: it is stopped, waits for a disk
in the kernel, or is short of processor time."""
GIVEN_UP_S = session.LEASE_S + 5.0
"""After so long its supervisor has given it up, and a running one would have ended by itself."""
ANSWER_S = 3.0
DIES_WITHIN_S = 2.0
RESTARTED = Text("the worker was restarted: no trace of the job is left there")
KILLED = Text("dsk's agent was killed there (SIGKILL: by a person, or because memory ran out)")
STUCK = Text(
    "job {job} has failed, but {left} of its processes cannot be ended: they wait in the kernel "
    "for a disk or a GPU; restart this worker (dsk up --force, where its server has an engine) or "
    "the server"
)


@dataclass(frozen=True)
class Note:
    """Which process the agent is (dsk.agent.processes), and why it ended by itself (a Text as
    `asdict` has it; None before)."""

    pid: int
    started: int
    ended: dict[str, Any] | None = None

    @property
    def process(self) -> Process:
        return Process(self.pid, self.started)


def write_note(job: str, ended: Text | None = None) -> None:
    """For this process, the job's agent. A job does not depend on it."""
    found = processes.stat(os.getpid())
    note = Note(os.getpid(), found.started if found else 0, asdict(ended) if ended else None)
    path = Path(paths.agent_note(job))
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, json.dumps(asdict(note)).encode(), 0o600)


def touch_note(job: str) -> None:
    with contextlib.suppress(OSError):
        os.utime(paths.agent_note(job))


def remove_note(job: str) -> None:
    Path(paths.agent_note(job)).unlink(missing_ok=True)


def remove_old_notes() -> None:
    """Of agents that are gone: they were kept for their supervisors to ask about."""
    for path in Path(paths.PROGRESS).glob(f"*{paths.NOTE_SUFFIX}"):
        note = _note(path.name.removesuffix(paths.NOTE_SUFFIX))
        if note is None or processes.state_of(note.process) is None:
            path.unlink(missing_ok=True)


def hanging(job: str) -> Text | None:
    """What keeps the job's agent from running, where it lives and does not run."""
    note, state = _living(job)
    idle = _idle(job)
    if note is None or state is None or idle is None or idle < STALE_S:
        return None
    what = {
        "T": Text("it was stopped by a signal"),
        "D": Text("it waits in the kernel, as for a disk"),
    }.get(state, Text("state {state}").filled(state=state))
    text = Text("dsk's agent has not run there for {idle:.0f} s: {what}")
    return text.filled(idle=idle, what=what)


def end(job: str) -> int:
    """Ends the job in this worker without its agent, which is killed where it lives; returns how
    many processes did not end. The lock is free afterwards, where that number is 0."""
    note, state = _living(job)
    below: set[Process] = set()
    if note and state:
        below = processes.descendants(note.pid)
        processes.kill(note.process)
    left = processes.end(lambda: processes.of_job(job) | processes.alive(below))
    jobfolder.unlink(job)
    shutil.rmtree(paths.PROGRESS / job, ignore_errors=True)
    Path(paths.agent_socket(job)).unlink(missing_ok=True)
    if note and not left and not _dies(note.process):
        # It will, as soon as its disk answers. What it still holds until then is the old lock.
        lock.replace()
    return left


def why_gone(job: str) -> Text:
    """Why the job has no agent here any more."""
    note = _note(job)
    if note is None:
        return RESTARTED
    if note.ended is None:
        return KILLED
    text = Text("dsk's agent has ended there: {why}")
    return text.filled(why=Text.from_raw(note.ended))


def take_over(holder: str) -> bool:
    """Frees the worker's lock where the agent of job `holder` has hung for so long that its job has
    failed; whether it did. Raises Refused where processes of that job cannot be ended."""
    with lock.guard():
        if lock.holder() != holder or not _given_up(holder):
            return False
        left = end(holder)
    if left:
        raise Refused(STUCK.filled(job=holder, left=left))
    return True


def _given_up(job: str) -> bool:
    idle = _idle(job)
    return idle is not None and idle > GIVEN_UP_S and bool(hanging(job)) and not _answers(job)


def _answers(job: str) -> bool:
    question = AskNews(BEFORE_ATTEMPTS, offsets=(), exits=0, report=0, wait=0.0)
    with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
        connection.settimeout(ANSWER_S)
        connection.connect(str(paths.agent_socket(job)))
        connection.sendall(session.encode({"id": 0, **question.to_raw()}))
        return bool(connection.recv(1))
    return False


def _dies(process: Process) -> bool:
    deadline = time.monotonic() + DIES_WITHIN_S
    while processes.state_of(process) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _living(job: str) -> tuple[Note | None, str | None]:
    """The note, and the state of its process as in proc(5), None where that is gone."""
    note = _note(job)
    return note, processes.state_of(note.process) if note else None


def _note(job: str) -> Note | None:
    try:
        return Note(**json.loads(Path(paths.agent_note(job)).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _idle(job: str) -> float | None:
    """Seconds since the agent last ran."""
    try:
        return time.time() - Path(paths.agent_note(job)).stat().st_mtime
    except OSError:
        return None

"""`python -I -S keeper.py CONNECTION RANK`: the parent of one forked rank, which reports its end.

The warm process can be replaced, or die, while ranks run: the keeper does not depend on it. What
the rank leaves behind becomes a child of the keeper (`adopt_orphans`), which ends it once the agent
has closed the connection: nothing of a rank outlives it. Standard library alone, so that it starts
in a moment.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
LOOK_S = 0.2
GRACE_S = 2.0
"""For what the rank left behind to end by itself, as Python's resource tracker does."""


def adopt_orphans() -> None:
    """Descendants whose parent ends become children of this process, which may execute another
    program meanwhile, and not init's. Before the rank is forked: it may end at once."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def main(descriptor: int, rank: int) -> None:
    os.setsid()
    with socket.socket(fileno=descriptor) as connection:
        code = _end_of(rank)
        # The agent may be gone by now.
        with contextlib.suppress(OSError):
            connection.sendall(json.dumps({"code": code}).encode() + b"\n")
        while _has_children() and not _closed(connection):
            pass
    deadline = time.monotonic() + GRACE_S
    while _has_children():
        if time.monotonic() > deadline:
            # The children of each become this process's own, and are met in the next round.
            for child in _children():
                os.kill(child, signal.SIGKILL)
        time.sleep(0.02)


def _end_of(rank: int) -> int:
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == rank:
            return os.waitstatus_to_exitcode(status)


def _has_children() -> bool:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _closed(connection: socket.socket) -> bool:
    """Whether the other end has closed, waiting for LOOK_S at most. It sends nothing more."""
    return bool(select.select([connection], [], [], LOOK_S)[0])


def _children() -> list[int]:
    """Zombies included, to which a signal does nothing."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_bytes().rpartition(b") ")[2].split()
                if int(fields[1]) == os.getpid():
                    found.append(int(entry.name))
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

"""A session of sshd that is joined to a job's agent. It imports little: a launch waits for it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

from dsk.wire import paths


def start(workspace: str, job: str) -> None:
    """Starts the job's agent; it can be connected to when this returns. Raises OSError."""
    path = Path(paths.agent_socket(job))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        number = listener.fileno()
        with Path(paths.agent_log(job)).open("ab") as log:
            # Its parent, the session's process, ends sooner than this one, which init then adopts.
            words = ["-I", "-m", "dsk.agent", "daemon", str(number)]
            subprocess.Popen(
                [sys.executable, *words, "--job", job, "--workspace", workspace],
                pass_fds=[number],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def join(job: str) -> None:
    """Joins stdin and stdout to the job's agent, until that has answered all of stdin or has ended.
    Raises OSError where there is none."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(paths.agent_socket(job)))
        threading.Thread(target=_requests, args=(connection,), daemon=True).start()
        with contextlib.suppress(ConnectionResetError):  # it ended with a request unread
            while data := connection.recv(1 << 16):
                os.write(sys.stdout.fileno(), data)
    # The thread above may still wait for input.
    os._exit(0)


def _requests(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := os.read(sys.stdin.fileno(), 1 << 16):
            connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)

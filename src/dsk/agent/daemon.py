"""The agent of one job: a process of its own behind a unix socket, which outlives connections."""

from __future__ import annotations

import contextlib
import socket
import threading
from contextlib import ExitStack
from pathlib import Path

from dsk import awake
from dsk.agent import aftermath, processes
from dsk.agent.job import Job
from dsk.agent.node import Node
from dsk.agent.session import Session
from dsk.text import Text, verbatim
from dsk.wire import paths
from dsk.wire.operations import Close
from dsk.wire.session import LEASE_S

LOOK_S = 0.5


def serve(number: int, workspace: str, job: str) -> None:
    """On the listening socket with that file descriptor, until the job is closed or nobody has
    asked anything for LEASE_S."""
    processes.become_subreaper()
    aftermath.remove_old_notes()
    Daemon(socket.socket(fileno=number), workspace, job).serve()


class Daemon:
    """Its lease is of dsk.awake: an agent that was stopped for a while, such as with its whole
    server, first hears what it was asked."""

    def __init__(
        self, listener: socket.socket, workspace: str, job: str, *, lease: float = LEASE_S
    ) -> None:
        self._listener = listener
        self._log = Path(paths.agent_log(job))
        self._lease = lease
        self._name = job
        self._job = Job(workspace, job)
        self._handlers = {**Node(workspace, job).handlers, **self._job.handlers}
        self._heard_at = awake.now()

    def serve(self) -> None:
        path = Path(self._listener.getsockname())
        self._listener.settimeout(LOOK_S)
        aftermath.write_note(self._name)
        why: Text | None = None
        try:
            why = self._accept()
        except BaseException as error:
            why = verbatim(f"{type(error).__name__}: {error}")
            raise
        finally:
            self._job.close(Close())
            if why:
                aftermath.write_note(self._name, why)
            else:
                aftermath.remove_note(self._name)
            path.unlink(missing_ok=True)
            self._listener.close()
            with contextlib.suppress(FileNotFoundError):
                if not self._log.stat().st_size:
                    self._log.unlink()

    def _accept(self) -> Text | None:
        """Until the job is closed: None, or why the agent ends it."""
        while not self._job.closed.is_set():
            aftermath.touch_note(self._name)
            if awake.now() - self._heard_at > self._lease:
                why = Text("the supervisor has not asked for {lease:.0f} s")
                why = why.filled(lease=self._lease)
                print(why.in_language("en"), flush=True)
                return why
            with contextlib.suppress(TimeoutError):
                connection, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()
        return None

    def _talk(self, connection: socket.socket) -> None:
        connection.setblocking(True)  # accept() hands on the listener's time limit
        with ExitStack() as stack:
            stack.enter_context(connection)
            # The other end may close at any time, also between a request and its answer.
            stack.enter_context(contextlib.suppress(OSError, ValueError))
            requests = stack.enter_context(connection.makefile("rb"))
            out = stack.enter_context(connection.makefile("wb"))
            # Any answer may take long, by a slow disk or driver; the news must not wait for it.
            Session(self._handlers, out, beside=True, heard=self._heard).serve(requests)

    def _heard(self) -> None:
        self._heard_at = awake.now()

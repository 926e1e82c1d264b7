"""One supervisor's session with this worker, over its SSH connection's pipes (wire.session)."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO, Any

from dsk.agent import files, jobfolder, lock, ports, processes
from dsk.agent.identity import accelerators, identity
from dsk.agent.needed import missing
from dsk.agent.tail import RankLogs
from dsk.wire import paths, session

POLL = 0.2
"""Seconds between two looks at the ranks' log files."""


class Session:
    """Answers requests until the other end closes; then ends what its job left in this worker."""

    def __init__(self, workspace: str, job: str, out: IO[bytes]) -> None:
        self._workspace = workspace
        self._job = job
        self._out = out
        self._out_lock = threading.Lock()
        self._lock_file: IO[str] | None = None
        self._tail: threading.Thread | None = None
        self._stop = threading.Event()
        self._ops: dict[str, Callable[..., Any]] = {
            "identity": lambda: identity(workspace),
            "accelerators": accelerators,
            "lock": self._take_lock,
            "put": lambda name, text: jobfolder.put(workspace, job, name, text),
            "marker": self._marker,
            "missing": missing,
            "free_port": ports.free_port,
            "watch": self._watch,
            "end": self._end,
            "survey": lambda paths: files.survey(workspace, paths),
            "digests": lambda paths: files.digests(workspace, paths),
            "delete": lambda paths: files.delete(workspace, paths),
        }

    def serve(self, requests: IO[bytes]) -> None:
        try:
            for line in requests:
                self._answer(session.decode(line))
        finally:
            self._close()

    def _answer(self, request: dict[str, Any]) -> None:
        number, op = request.pop("id"), request.pop("op")
        try:
            self._send({"id": number, "result": self._ops[op](**request)})
        except lock.Busy as busy:
            self._send({"id": number, "error": str(busy), "busy": busy.holder})
        except Exception as error:
            self._send({"id": number, "error": f"{type(error).__name__}: {error}"})

    def _send(self, message: dict[str, Any]) -> None:
        with self._out_lock:
            self._out.write(session.encode(message))
            self._out.flush()

    def _take_lock(self) -> str:
        self._lock_file = lock.take(self._job)
        return str(jobfolder.link(self._workspace, self._job))

    def _marker(self, name: str, action: str) -> bool:
        if action == "remove":
            jobfolder.remove_marker(self._workspace, name)
            return True
        return jobfolder.marker(self._workspace, name, make=action == "make")

    def _watch(self, attempt: int) -> None:
        """From now on the lines of this attempt's ranks are sent as they come."""
        link = PurePosixPath(paths.job_link(self._job))
        logs = RankLogs(Path(paths.rank_logs(link, attempt)))
        self._stop.clear()
        self._tail = threading.Thread(target=self._follow, args=(logs,), daemon=True)
        self._tail.start()

    def _follow(self, logs: RankLogs) -> None:
        with contextlib.suppress(BrokenPipeError):  # the other end closed: serve() ends as well
            while not self._stop.wait(POLL):
                self._send_lines(logs.read())
            while lines := logs.read():
                self._send_lines(lines)
            self._send_lines(logs.read(last=True))

    def _send_lines(self, lines: list[tuple[int, str]]) -> None:
        if lines:
            self._send({"lines": lines})

    def _end(self) -> int:
        """Ends the job's processes, sends the last of their lines; how many would not end."""
        left = processes.end_job(self._job)
        self._end_tail()
        return left

    def _end_tail(self) -> None:
        self._stop.set()
        if self._tail:
            self._tail.join(timeout=10)
            self._tail = None

    def _close(self) -> None:
        self._end_tail()
        if self._lock_file:
            processes.end_job(self._job)
            jobfolder.unlink(self._job)
            self._lock_file.close()


def serve(workspace: str, job: str) -> None:
    Session(workspace, job, sys.stdout.buffer).serve(sys.stdin.buffer)

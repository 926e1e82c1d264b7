"""The supervisor's connection to one worker's agent (wire.session), over SSH."""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsk.errors import JobFailed, Unreachable
from dsk.supervisor.place import Remedies
from dsk.wire import session
from dsk.wire.jobspec import JobNode

STDERR_LINES = 20


@dataclass(frozen=True)
class Lines:
    """What ranks of `node` printed, as (global rank, line)."""

    node: JobNode
    lines: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Lost:
    """The connection to `node` has ended; `why` is what ssh said."""

    node: JobNode
    why: str


class Worker:
    """Requests go out one by one; answers, the ranks' lines and the connection's end come in on a
    thread of their own and are handed to `tell`."""

    def __init__(
        self,
        node: JobNode,
        ssh_config: Path,
        agent: list[str],
        tell: Callable[[Lines | Lost], None],
        *,
        remedies: Remedies,
    ) -> None:
        self.node = node
        self._remedies = remedies
        self._tell = tell
        self._numbers = itertools.count()
        self._waiting: dict[int, Future[Any]] = {}
        self._guard = threading.Lock()
        self._closed = False
        self._errors: deque[str] = deque(maxlen=STDERR_LINES)
        self._process = subprocess.Popen(
            ["ssh", "-T", "-F", str(ssh_config), "--", node.host, *agent],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # A terminal's Ctrl-C is the supervisor's business; the session must outlive it.
            start_new_session=True,
        )
        self._error_reader = threading.Thread(target=self._read_errors, daemon=True)
        self._error_reader.start()
        threading.Thread(target=self._read, daemon=True).start()

    def ask(self, op: str, *, limit: float = 20.0, **arguments: Any) -> Any:
        """The agent's answer. Raises Unreachable where none comes within `limit` seconds,
        JobFailed where the agent refuses."""
        number = next(self._numbers)
        answer: Future[Any] = Future()
        with self._guard:
            self._waiting[number] = answer
        try:
            self._send({"id": number, "op": op, **arguments})
            reply = answer.result(timeout=limit)
        except FutureTimeout:
            raise Unreachable(
                f"no answer to {op!r} within {limit:.0f} s", where=self.name
            ) from None
        finally:
            with self._guard:
                self._waiting.pop(number, None)
        if "error" in reply:
            busy = reply.get("busy")
            raise JobFailed(
                f"job {busy} is running here" if busy else str(reply["error"]),
                where=self.name,
                fix=f"wait for it (dsk logs -f {busy}) or end it (dsk stop {busy})"
                if busy
                else None,
            )
        return reply["result"]

    @property
    def name(self) -> str:
        return f"node{self.node.index} ({self.node.host})"

    def close(self) -> None:
        """Closes the agent's input: it ends what its job left in the worker, then itself."""
        self._closed = True
        if self._process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def abandon(self) -> None:
        """Ends the connection at once, to one that does not answer."""
        self._closed = True
        self._process.kill()
        self._process.wait()

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None  # noqa: S101 - opened with PIPE above
        try:
            self._process.stdin.write(session.encode(message))
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            self._error_reader.join(timeout=2)
            raise Unreachable(self._why(), where=self.name, fix=self._fix()) from None

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101
        for line in self._process.stdout:
            try:
                message = session.decode(line)
            except ValueError:
                self._errors.append(line.decode(errors="replace").strip())
                continue
            if "lines" in message:
                lines = tuple((rank, text) for rank, text in message["lines"])
                self._tell(Lines(self.node, lines))
                continue
            with self._guard:
                answer = self._waiting.get(message["id"])
            if answer and not answer.done():
                answer.set_result(message)
        self._error_reader.join(timeout=2)
        with self._guard:
            waiting = list(self._waiting.values())
        for answer in waiting:
            if not answer.done():
                answer.set_exception(Unreachable(self._why(), where=self.name, fix=self._fix()))
        if not self._closed:
            self._tell(Lost(self.node, self._why()))

    def _read_errors(self) -> None:
        assert self._process.stderr is not None  # noqa: S101
        for line in self._process.stderr:
            self._errors.append(line.decode(errors="replace").strip())

    def _why(self) -> str:
        return " / ".join(line for line in self._errors if line) or "the connection was closed"

    def _fix(self) -> str:
        text = self._why()
        if "Host key verification failed" in text or "IDENTIFICATION HAS CHANGED" in text:
            return self._remedies.host_key
        if "Permission denied" in text:
            return self._remedies.login
        return self._remedies.connection

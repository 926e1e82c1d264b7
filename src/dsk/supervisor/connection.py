"""One SSH connection to an agent (wire.session): requests out, answers in."""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from typing import Any

from dsk import awake
from dsk.text import Text, joined, verbatim
from dsk.wire import session
from dsk.wire.templates import read_text

STDERR_LINES = 20
ERROR_BYTES = 1 << 16
KILLED_LIMIT_S = 5.0
"""A process that waits in the kernel, as for a dead disk, does not end by SIGKILL until then."""
LOOK_S = 0.5


class NoAnswer(Exception):
    """None came in time; the connection may still be there."""

    text: Text

    def __init__(self, text: Text) -> None:
        super().__init__(text.in_language("en"))
        self.text = text


class Ended(Exception):
    """The connection has ended; says what ssh, or the agent, said last. `code` is ssh's own, or the
    exit code of what ran there."""

    text: Text

    def __init__(self, text: Text, code: int) -> None:
        super().__init__(text.in_language("en"))
        self.text = text
        self.code = code


class Connection:
    """Raises OSError where no ssh, or no thread for it, can be started."""

    def __init__(self, host: str, ssh_config: Path, agent: Sequence[str]) -> None:
        self._numbers = itertools.count()
        self._waiting: dict[int, Future[Any]] = {}
        self._guard = threading.Lock()
        self._sending = threading.Lock()
        self._errors: deque[str] = deque(maxlen=STDERR_LINES)
        self._process = subprocess.Popen(
            ["ssh", "-T", "-F", str(ssh_config), "--", host, *agent],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # A terminal's Ctrl-C is the supervisor's business; the session must outlive it.
            start_new_session=True,
        )
        self._error_reader = threading.Thread(target=self._read_errors, daemon=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        try:
            self._error_reader.start()
            self._reader.start()
        except RuntimeError as error:
            self.kill()
            raise OSError(str(error)) from error

    def ask(self, question: Mapping[str, Any], limit: float) -> dict[str, Any]:
        """The agent's reply to the `op` and its arguments, with `result` or `error`. Raises
        NoAnswer after `limit` seconds of dsk.awake, or Ended."""
        number = next(self._numbers)
        answer: Future[dict[str, Any]] = Future()
        with self._guard:
            self._waiting[number] = answer
        try:
            self._send({"id": number, **question})
            if not self._reader.is_alive():  # it may have ended before it could see this one
                raise self._ended()
            return _within(limit, answer, question["op"])
        finally:
            with self._guard:
                self._waiting.pop(number, None)

    def close(self, limit: float = 15.0) -> None:
        """Closes the other end's input, which ends it."""
        self._close_input()
        try:
            self._process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(KILLED_LIMIT_S)
        self._close_input()

    def _close_input(self) -> None:
        # Whoever writes to a peer that takes nothing holds the lock; killing the peer ends that.
        if not self._sending.acquire(timeout=1.0):
            return
        try:
            with contextlib.suppress(OSError):
                if self._process.stdin:
                    self._process.stdin.close()
        finally:
            self._sending.release()

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None  # noqa: S101 - opened with PIPE above
        try:
            with self._sending:
                self._process.stdin.write(session.encode(message))
                self._process.stdin.flush()
        except (OSError, ValueError):
            raise self._ended() from None

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101
        with self._process.stdout as stream:
            try:
                for line in session.lines(stream):
                    self._heard(line)
            except ValueError as error:
                self._process.kill()
                self._errors.append(str(error))
        ended = self._ended()
        with self._guard:
            waiting = list(self._waiting.values())
        for answer in waiting:
            if not answer.done():
                answer.set_exception(ended)

    def _heard(self, line: bytes) -> None:
        try:
            message = session.decode(line)
        except ValueError:
            self._errors.append(line.decode(errors="replace").strip())
            return
        number = message.get("id")
        with self._guard:
            answer = self._waiting.get(number) if isinstance(number, int) else None
        if answer and not answer.done():
            answer.set_result(message)

    def _read_errors(self) -> None:
        assert self._process.stderr is not None  # noqa: S101
        with self._process.stderr as stream:
            while line := stream.readline(ERROR_BYTES):
                self._errors.append(line.decode(errors="replace").strip())

    def _ended(self) -> Ended:
        self._error_reader.join(timeout=2)
        said = [_said(line) for line in self._errors if line]
        why = joined(said, " / ") if said else Text("the connection was closed")
        try:
            return Ended(why, self._process.wait(timeout=2))
        except subprocess.TimeoutExpired:
            return Ended(why, -1)


def _said(line: str) -> Text:
    """What ssh said, or a Text that an agent printed before it ended."""
    with contextlib.suppress(ValueError):
        return read_text(json.loads(line), "line")
    return verbatim(line)


def _within(limit: float, answer: Future[dict[str, Any]], op: str) -> dict[str, Any]:
    deadline = awake.now() + limit
    while True:
        try:
            return answer.result(timeout=min(LOOK_S, max(0.0, deadline - awake.now())))
        except FutureTimeout:
            if awake.now() >= deadline:
                text = Text("no answer to {op!r} within {limit:.0f} s")
                raise NoAnswer(text.filled(op=op, limit=limit)) from None

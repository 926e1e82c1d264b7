"""The program that downloads from a hub, as the supervisor starts and hears it (wire.hub)."""

from __future__ import annotations

import contextlib
import queue
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from dsk import awake
from dsk.errors import DskError, JobFailed, Unreachable, UserError
from dsk.supervisor.connection import KILLED_LIMIT_S
from dsk.supervisor.transfer.compare import size
from dsk.supervisor.worker import Worker
from dsk.text import Text
from dsk.wire import paths
from dsk.wire.hub import Downloading, Fetch, Ready, Refused, Word, decode

PROGRAM = f"{paths.PYTHON} -I -m dsk.hub"
# The program itself gives up on a silent hub after a minute or so.
STALL_LIMIT_S = 300.0
LOOK_S = 1.0
END_LIMIT_S = 15
TOLD_EVERY_S = 10.0


class Download:
    """The program in the master's worker, over a session of its own: the token goes to its input
    and the environment comes by SetEnv, neither on a command line."""

    def __init__(
        self, wanted: Fetch, master: Worker, config: Path, tell: Callable[[Text], None]
    ) -> None:
        self._wanted = wanted
        self._master = master
        self._tell = tell
        self._said: list[str] = []
        self._heard: queue.Queue[Word | None] = queue.Queue()
        self._told = time.monotonic()
        self._process = subprocess.Popen(
            ["ssh", "-T", "-F", str(config), "--", master.node.host, PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )

    def run(self) -> Ready:
        """Raises UserError, Unreachable or JobFailed, with the master's name."""
        assert self._process.stdin is not None  # noqa: S101 - PIPE above
        threads = [threading.Thread(target=self._read_errors), threading.Thread(target=self._read)]
        for thread in threads:
            thread.daemon = True
            thread.start()
        try:
            try:
                self._process.stdin.write(self._wanted.to_json() + "\n")
                self._process.stdin.flush()
            except BrokenPipeError:
                raise self._ended() from None
            return self._listen()
        finally:
            # Its input ends with the session, and it with its input.
            self._process.terminate()
            try:
                self._process.wait(END_LIMIT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(KILLED_LIMIT_S)
            for thread in threads:
                thread.join(END_LIMIT_S)
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()

    def _listen(self) -> Ready:
        while True:
            try:
                word = self._next()
            except queue.Empty:
                raise Unreachable(
                    Text("{repo}: nothing has arrived for {limit:.0f} s").filled(
                        repo=self._wanted.repo, limit=STALL_LIMIT_S
                    ),
                    where=self._master.name,
                    fix=Text("launch again, or name a mirror: HF_ENDPOINT under env in dsk.yaml"),
                ) from None
            if word is None:
                raise self._ended()
            if isinstance(word, Ready):
                return word
            if isinstance(word, Refused):
                kinds = {kind.exit_code: kind for kind in (UserError, Unreachable, JobFailed)}
                kind = kinds.get(word.code, DskError)
                raise kind(word.message, where=self._master.name, fix=word.fix)
            self._progress(word)

    def _next(self) -> Word | None:
        """Raises queue.Empty after STALL_LIMIT_S in which it could have been heard."""
        deadline = awake.now() + STALL_LIMIT_S
        while True:
            try:
                return self._heard.get(timeout=LOOK_S)
            except queue.Empty:
                if awake.now() > deadline:
                    raise

    def _progress(self, word: Downloading) -> None:
        now = time.monotonic()
        if now - self._told >= TOLD_EVERY_S:
            self._told = now
            text = Text("{repo}: {done} of {total} downloaded")
            done, total = size(word.done), size(word.total)
            self._tell(text.filled(repo=self._wanted.repo, done=done, total=total))

    def _ended(self) -> DskError:
        last = [line.strip() for line in self._said if line.strip()][-1:]
        return JobFailed(
            Text("the download of {repo} ended early: {said}").filled(
                repo=self._wanted.repo, said=last[0] if last else Text("it gave no reason")
            ),
            where=self._master.name,
        )

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - PIPE above
        with self._process.stdout as lines:
            for line in lines:
                try:
                    self._heard.put(decode(line))
                except ValueError:
                    self._said.append(line)
        self._heard.put(None)

    def _read_errors(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - PIPE above
        with self._process.stderr as lines:
            for line in lines:
                self._said.append(line)

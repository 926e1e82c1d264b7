"""Question and answer with a program on a server, a line each, over its pipes."""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Sequence
from types import TracebackType

from dsk.connect import processes
from dsk.connect.server import Server
from dsk.errors import DskError, Unreachable
from dsk.text import Text

LAST_WORDS_S = 2.0
CHUNK = 65536
SSH_FAILED = 255


class Dialogue:
    """Ends the program with it; use it in a `with`."""

    def __init__(self, server: Server, argv: Sequence[str], where: str) -> None:
        self._where = where
        self._rest = b""
        self._process = server.popen(argv, stdin=processes.PIPE)

    def ask(self, line: bytes, limit_s: float) -> bytes:
        """The line that answers. Raises Unreachable where none comes in time, DskError where the
        program ended instead, with its last words."""
        assert self._process.stdin and self._process.stdout  # noqa: S101 - pipes
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            raise self._ended() from None
        deadline = time.monotonic() + limit_s
        while b"\n" not in self._rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._process.stdout], [], [], left)[0]:
                text = Text("no answer within {limit:g} s")
                raise Unreachable(text.filled(limit=limit_s), where=self._where)
            part = os.read(self._process.stdout.fileno(), CHUNK)
            if not part:
                raise self._ended()
            self._rest += part
        answer, _, self._rest = self._rest.partition(b"\n")
        return answer

    def _ended(self) -> DskError:
        said = b""
        with contextlib.suppress(processes.TimeoutExpired):
            said = self._process.communicate(timeout=LAST_WORDS_S)[1]
        lines = said.decode(errors="replace").strip().splitlines()
        code = self._process.returncode
        kind = Unreachable if code == SSH_FAILED else DskError
        silent = Text("it ended with exit code {code}").filled(code=code)
        return kind(lines[-1] if lines else silent, where=self._where)

    def close(self) -> None:
        """The program sees the end of its input first, and has a moment to tidy up."""
        if self._process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        with contextlib.suppress(processes.TimeoutExpired):
            self._process.wait(LAST_WORDS_S)
        processes.end(self._process)

    def __enter__(self) -> Dialogue:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

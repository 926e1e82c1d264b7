"""The machine that dsk runs on, as a server."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from dsk.connect import processes
from dsk.connect.processes import Completed
from dsk.connect.server import Server
from dsk.errors import Unreachable
from dsk.text import Text


class LocalServer(Server):
    def popen(
        self,
        argv: Sequence[str],
        *,
        stdin: int | None = subprocess.DEVNULL,
        stdout: int | None = subprocess.PIPE,
        stderr: int | None = subprocess.PIPE,
        tty: bool = False,
    ) -> subprocess.Popen[bytes]:
        try:
            return processes.start(argv, stdin=stdin, stdout=stdout, stderr=stderr, foreground=tty)
        except FileNotFoundError:
            text = Text("{program} is not installed").filled(program=argv[0])
            raise Unreachable(text, where=self.where) from None

    def run(
        self,
        argv: Sequence[str],
        *,
        input: bytes | None = None,  # noqa: A002 - subprocess.run's own name
        timeout: float,
    ) -> Completed:
        try:
            return processes.run(argv, input=input, timeout=timeout)
        except FileNotFoundError:
            # What a shell says, and so what the same call over SSH gives.
            return Completed(127, b"", f"{argv[0]}: not found".encode())
        except subprocess.TimeoutExpired:
            raise self._too_slow(argv, timeout) from None

    def _engine_url(self, address: str) -> str:
        return address

"""A server as fleet and jobs see it, however it is reached."""

from __future__ import annotations

import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from dsk.connect.engine import open_engine
from dsk.connect.processes import Completed
from dsk.errors import Unreachable
from dsk.survey.engine import engine_error
from dsk.text import Text

if TYPE_CHECKING:
    from docker import DockerClient

__all__ = ["Completed", "Server"]

CONTEXT_LIMIT_S = 20.0
THIS_MACHINE = Text("this machine")


class Server(ABC):
    """`where` names it in every error. Not for several threads at once."""

    def __init__(self, where: str | Text) -> None:
        self.where = where
        self._engine: DockerClient | None = None

    @abstractmethod
    def popen(
        self,
        argv: Sequence[str],
        *,
        stdin: int | None = subprocess.DEVNULL,
        stdout: int | None = subprocess.PIPE,
        stderr: int | None = subprocess.PIPE,
        tty: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Starts a program there; the caller ends it with `dsk.connect.processes.end`.

        `tty`: give it a terminal, which must be this process's own.
        Raises Unreachable where the program or the way to it is missing; over SSH that shows in the
        exit code only (127 and 255).
        """

    @abstractmethod
    def run(
        self,
        argv: Sequence[str],
        *,
        input: bytes | None = None,  # noqa: A002 - subprocess.run's own name
        timeout: float,
    ) -> Completed:
        """Runs a program there to its end; any exit code is the caller's to judge.

        Raises Unreachable where the connection broke or `timeout` seconds were not enough. Over SSH
        a program without output may then live on there.
        """

    @abstractmethod
    def _engine_url(self, address: str) -> str:
        """`address` of the engine as the server's own `docker` knows it, as seen from here."""

    def engine(self) -> DockerClient:
        """The server's Docker engine, opened once and closed with the server.

        Raises Unreachable with the remedy where it does not answer or may not be used.
        """
        if self._engine is None:
            context = self.run(
                ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"],
                timeout=CONTEXT_LIMIT_S,
            )
            if context.returncode:
                raise engine_error(context.error, self.where)
            try:
                self._engine = open_engine(self._engine_url(context.text))
            except OSError:
                asked = self.run(["docker", "version"], timeout=CONTEXT_LIMIT_S)
                raise engine_error(asked.error, self.where) from None
        return self._engine

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def _too_slow(self, argv: Sequence[str], timeout: float) -> Unreachable:
        return Unreachable(
            Text("`{command}` did not end within {limit:g} s").filled(
                command=_said(argv)[:80], limit=timeout
            ),
            where=self.where,
            fix=Text("is the server overloaded, or its engine hanging?"),
        )


def _said(argv: Sequence[str]) -> str:
    """The command, without the text of a script of dsk's own."""
    return "sh -c …" if list(argv[:2]) == ["sh", "-c"] else " ".join(argv)

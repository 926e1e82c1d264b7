"""A job's agent in a process of its own, and who talks to it over its socket."""

from __future__ import annotations

import itertools
import os
import secrets
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any, TypeVar

from dsk.agent import processes
from dsk.agent.daemon import Daemon
from dsk.wire import paths, session
from dsk.wire.news import News
from dsk.wire.operations import AskNews, RankSpec, StartRanks, TakeLock
from dsk.wire.request import Request

A = TypeVar("A")

# Processes are ended by this name, wherever they run: another run of these tests has another.
JOB = f"20260101-120000-{secrets.token_hex(2)}"
PYTHON = [sys.executable, "-u", "-c"]


PROGRAM = """import sys
from pathlib import Path, PurePosixPath
from dsk.agent import lock
from dsk.wire import paths
run = PurePosixPath({run!r})
paths.LINKS, paths.PROGRESS, paths.AGENTS = run / "jobs", run / "progress", run / "agents"
for each in (lock.take, lock.holder, lock.replace, lock.guard.__wrapped__):
    each.__defaults__ = (Path(run / "lock"),)
"""
MAIN = "from dsk.agent.__main__ import main\nmain()"


def program(folder: Path, code: str = MAIN) -> list[str]:
    """The command line of `dsk-agent`, or of other code, whose /run/dsk is conftest's."""
    file = folder / f"program-{abs(hash(code))}.py"
    file.write_text(PROGRAM.format(run=str(folder / "run")) + code)
    return [sys.executable, str(file)]


class Peer:
    """One connection to the agent."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(20)
        self._socket.connect(path)
        self._file = self._socket.makefile("rwb")
        self._numbers = itertools.count()

    def ask(self, request: Request[A]) -> A:
        return self.answer(request, self.send(request))

    def send(self, request: Request[Any]) -> int:
        """The number by which `answer` knows the question."""
        number = next(self._numbers)
        self._file.write(session.encode({"id": number, **request.to_raw()}))
        self._file.flush()
        return number

    def has_answer(self) -> bool:
        return bool(select.select([self._socket], [], [], 0)[0])

    def answer(self, request: Request[A], number: int) -> A:
        answer = session.decode(self._file.readline())
        assert answer["id"] == number
        assert "error" not in answer, answer
        return request.read_answer(answer["result"])

    def news(
        self,
        offsets: dict[int, int] | None = None,
        *,
        attempt: int = 0,
        exits: int = 0,
        report: int = 10**9,
        wait: float = 5.0,
    ) -> News:
        return self.ask(AskNews(attempt, tuple((offsets or {}).items()), exits, report, wait))

    def close(self) -> None:
        self._file.close()
        self._socket.close()


class Agent:
    """The agent in a process of its own, as its ranks' parent and subreaper."""

    def __init__(self, workspace: Path, *, lease: float) -> None:
        self.path = str(paths.agent_socket(JOB))
        Path(self.path).parent.mkdir(parents=True)
        self.workspace = workspace
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        listener.listen()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                processes.become_subreaper()
                Daemon(listener, str(workspace), JOB, lease=lease).serve()
            finally:
                os._exit(0)
        listener.close()
        self._peers: list[Peer] = []

    def connect(self) -> Peer:
        self._peers.append(Peer(self.path))
        return self._peers[-1]

    def wait(self, limit: float) -> None:
        """Until it has ended by itself."""
        deadline = time.monotonic() + limit
        while os.waitpid(self.pid, os.WNOHANG) == (0, 0):
            assert time.monotonic() < deadline, f"the agent is still there after {limit} s"
            time.sleep(0.05)
        self.pid = 0

    def end(self) -> None:
        for peer in self._peers:
            peer.close()
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


def start(peer: Peer, *codes: str, **env: str) -> None:
    """The first attempt of a job: ranks 0, 1, …, each a Python program."""
    peer.ask(TakeLock())
    start_ranks(peer, *codes, attempt=0, **env)


def start_ranks(peer: Peer, *codes: str, attempt: int, **env: str) -> None:
    ranks = (
        RankSpec(rank, (*PYTHON, code), {"DSK_JOB": JOB, "RANK": str(rank), **env})
        for rank, code in enumerate(codes)
    )
    peer.ask(StartRanks(attempt, tuple(ranks)))

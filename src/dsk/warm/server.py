"""Serves requests for ranks on the unix socket. One thread: a fork then inherits no lock that
another thread held."""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from dsk.agent import processes
from dsk.text import Text
from dsk.warm import keeper
from dsk.warm.fresh import tie_to_parent
from dsk.warm.rules import Rules
from dsk.wire import paths
from dsk.wire.warm import Request, encode

LOOK_S = 1.0
REQUEST_LIMIT_S = 5.0
MOST_BYTES = 4 << 20


@dataclass(frozen=True)
class Rank:
    """In a fork: what it is to become. `output` is a descriptor."""

    request: Request
    output: int


@dataclass(frozen=True)
class Replace:
    """The warm process is to be replaced by one with `env`, for the `reason`. It waits until the
    `agent` that was refused has ended: imports would take processor time from its ranks."""

    reason: Text
    env: Mapping[str, str]
    agent: int
    started: int | None

    def may_begin(self) -> bool:
        return self.started is None or _started(self.agent) != self.started


class Server:
    def __init__(self, rules: Rules, path: Path = Path(paths.WARM_SOCKET)) -> None:
        """Raises OSError. An earlier socket there is replaced."""
        self._rules = rules
        self._replace: Replace | None = None
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        before = os.umask(0o177)
        try:
            self._listener.bind(str(path))
        finally:
            os.umask(before)
        self._listener.listen(64)
        self._listener.settimeout(LOOK_S)

    def serve(self) -> Rank | Replace:
        """Returns a Rank in each fork, and in this process a Replace as soon as that may begin."""
        while True:
            if self._replace and self._replace.may_begin():
                self._listener.close()
                return self._replace
            _reap()
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(REQUEST_LIMIT_S)
                try:
                    rank = self._answer(connection)
                except (OSError, ValueError) as error:
                    print(f"a request failed: {error}", file=sys.stderr)
                    continue
                if rank:
                    self._listener.close()
                    return rank

    def _answer(self, connection: socket.socket) -> Rank | None:
        line, output = _receive(connection)
        try:
            request = Request.decode(line)
            if reason := self._refusal(request, _peer(connection)):
                connection.sendall(encode({"cold": asdict(reason)}))
                return None
            try:
                return Rank(request, os.dup(output)) if _fork(connection) else None
            except BlockingIOError as error:  # too many processes
                text = Text("it cannot be forked: {error}").filled(error=error.strerror)
                connection.sendall(encode({"cold": asdict(text)}))
                return None
        finally:
            os.close(output)

    def _refusal(self, request: Request, peer: int) -> Text | None:
        """Why the rank cannot be forked, None where it can."""
        if self._replace:
            text = Text("the warm process is to be replaced: {reason}")
            return text.filled(reason=self._replace.reason)
        refusal = self._rules.refusal(request, peer)
        if refusal and refusal.env is not None:
            self._replace = Replace(refusal.reason, refusal.env, peer, _started(peer))
        return refusal.reason if refusal else None


def _fork(connection: socket.socket) -> bool:
    """Whether this is the rank. The process between becomes its keeper. Raises BlockingIOError."""
    if os.fork():
        return False
    keeping = os.getpid()
    try:
        keeper.adopt_orphans()
        rank = os.fork()
        if not rank:
            tie_to_parent(keeping)
            return True
        connection.sendall(encode({"pid": rank}))
        os.set_inheritable(connection.fileno(), True)
        words = ["-I", "-S", str(keeper.__file__), str(connection.fileno()), str(rank)]
        os.execve(sys.executable, [sys.executable, *words], {})  # noqa: S606
    finally:
        if os.getpid() == keeping:
            os._exit(1)  # and with it the rank


def _receive(connection: socket.socket) -> tuple[bytes, int]:
    """The request's line, and the descriptor that came with its first byte. Raises ValueError, and
    OSError where it takes too long."""
    data, descriptors, _, _ = socket.recv_fds(connection, 1 << 16, 1)
    while descriptors and not data.endswith(b"\n") and len(data) < MOST_BYTES:
        try:
            more = connection.recv(1 << 16)
        except OSError:
            os.close(descriptors[0])
            raise
        if not more:
            break
        data += more
    if not descriptors:
        raise ValueError("it came without a descriptor for the rank's output")
    return data, descriptors[0]


def _peer(connection: socket.socket) -> int:
    """The process id at the other end."""
    size = struct.calcsize("3i")
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    return int(struct.unpack("3i", credentials)[0])


def _reap() -> None:
    """Keepers that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _started(pid: int) -> int | None:
    """None where the process has ended; with its id, the time names it."""
    found = processes.stat(pid)
    return found.started if found else None

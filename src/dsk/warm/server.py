"""Serves requests for ranks on the unix socket. One thread: a fork then inherits no lock that
another thread held."""

from __future__ import annotations

import os
import socket
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

from dsk.warm import inherited, keeper
from dsk.warm.fresh import tie_to_parent
from dsk.warm.room import Room
from dsk.warm.stack import Decisive, Files
from dsk.wire import paths
from dsk.wire.warm import PROGRAM, Request, encode

LOOK_S = 1.0
REQUEST_LIMIT_S = 5.0
MOST_BYTES = 4 << 20
OWN_OUTPUT_FD = "the agent sent no descriptor for the rank's output"


@dataclass(frozen=True)
class Rank:
    """In a fork: what it is to become. `output` is a descriptor."""

    request: Request
    output: int


@dataclass(frozen=True)
class Replace:
    """This process is to be replaced by one with `env`, for the `reason`, once the agent that was
    refused has ended: until then imports would take processor time from its ranks."""

    reason: str
    env: dict[str, str]
    agent: int
    started: bytes | None

    def may_begin(self) -> bool:
        return _started(self.agent) != self.started or self.started is None


@dataclass(frozen=True)
class Rules:
    """What a request is compared with. `env` is this process's at its start."""

    decisive: Decisive
    env: dict[str, str]
    files: Files
    room: Room


class Server:
    def __init__(self, rules: Rules, socket_path: Path = Path(paths.WARM_SOCKET)) -> None:
        """Raises OSError. An earlier socket there is replaced."""
        self._rules = rules
        self._replace: Replace | None = None
        socket_path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        before = os.umask(0o177)
        try:
            self._listener.bind(str(socket_path))
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
                connection.sendall(encode({"cold": reason}))
                return None
            try:
                return Rank(request, os.dup(output)) if self._fork(connection) else None
            except BlockingIOError as error:  # too many processes
                connection.sendall(encode({"cold": f"it cannot be forked: {error.strerror}"}))
                return None
        finally:
            os.close(output)

    def _refusal(self, request: Request, peer: int) -> str:
        """Why the rank cannot be forked from this process, "" where it can."""
        rules = self._rules
        if self._replace:
            return f"the warm process is to be replaced: {self._replace.reason}"
        if request.argv[: len(PROGRAM)] != PROGRAM:
            return f"only {' '.join(PROGRAM)} can be forked"
        if names := rules.decisive.differing(rules.env, request.env):
            others = {n: v for n, v in rules.env.items() if not rules.decisive.of({n: v})}
            reason = f"the warm process was started with another {', '.join(names)}"
            wanted = {**others, **rules.decisive.of(request.env)}
            self._replace = Replace(reason, wanted, peer, _started(peer))
            return reason
        if path := rules.files.changed():
            reason = f"{path} has changed since it was imported"
            self._replace = Replace(reason, rules.env, peer, _started(peer))
            return reason
        if names := inherited.differing(peer):
            return f"the warm process has another {', '.join(names)} than the job's agent"
        if not os.access(request.folder, os.X_OK):
            return f"the working folder {request.folder} cannot be entered"
        if not rules.room.holds(request.argv, request.env):
            return "its environment or command line is too long for a fork"
        return ""

    def _fork(self, connection: socket.socket) -> bool:
        """Whether this is the rank. The process between becomes its keeper."""
        between = os.fork()
        if between:
            return False
        keeping = os.getpid()
        rank = os.fork()
        if not rank:
            tie_to_parent(keeping)
            return True
        try:
            connection.sendall(encode({"pid": rank}))
            os.set_inheritable(connection.fileno(), True)
            words = ["-I", "-S", str(keeper.__file__), str(connection.fileno()), str(rank)]
            os.execve(sys.executable, [sys.executable, *words], {})
        finally:
            os._exit(1)  # and with it the rank


def _receive(connection: socket.socket) -> tuple[bytes, int]:
    """The request's line, and the descriptor that came with its first byte. Raises ValueError, and
    OSError where it takes too long."""
    data, descriptors, _, _ = socket.recv_fds(connection, 1 << 16, 1)
    try:
        if len(descriptors) != 1:
            raise ValueError(OWN_OUTPUT_FD)
        while not data.endswith(b"\n"):
            more = connection.recv(1 << 16)
            if not more or len(data) > MOST_BYTES:
                raise ValueError("an incomplete request")
            data += more
    except BaseException:
        for descriptor in descriptors:
            os.close(descriptor)
        raise
    return data, descriptors[0]


def _peer(connection: socket.socket) -> int:
    """The process id at the other end."""
    size = struct.calcsize("3i")
    found: tuple[int, int, int] = struct.unpack(
        "3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    )
    return found[0]


def _reap() -> None:
    """Keepers that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _started(pid: int) -> bytes | None:
    """When the process was started, which with its id names it; None where it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else fields[19]

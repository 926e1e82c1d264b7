"""Ranks as forks of the worker's warm process (dsk.warm), where that is possible."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from dsk.agent.refused import Refused
from dsk.agent.starter import RankCommand, RankProcess, Starter
from dsk.text import Text
from dsk.wire import paths
from dsk.wire.templates import read_text
from dsk.wire.warm import VARIABLE, Request, WarmState, decode

READY_LIMIT_S = 20.0
"""For a warm process that is importing: it is ahead of a rank that would do so itself."""
ANSWER_LIMIT_S = 5.0
KILLED = -9


class WarmStarter(Starter):
    """`cold` starts what cannot be forked."""

    def __init__(
        self,
        cold: Starter,
        *,
        state: Path = Path(paths.WARM_STATE),
        address: Path = Path(paths.WARM_SOCKET),
        wish: Path = Path(paths.WARM_WISH),
        ready_limit: float = READY_LIMIT_S,
    ) -> None:
        self._cold = cold
        self._state = state
        self._address = address
        self._ready_limit = ready_limit
        self._wish = wish
        self._wanted = False

    def start(self, command: RankCommand) -> RankProcess:
        asked = command.env.get(VARIABLE)
        if asked == "false":
            return self._cold.start(command)
        state = self._state_when_ready()
        if state is None or state.state == "off":
            process = self._cold.start(command)
            if state and "true" in (asked, state.asked):
                process.cold = self._why_off(state)
            return process
        try:
            return self._fork(command)
        except Refused as refused:
            process = self._cold.start(command)
            process.cold = refused.text
            return process
        except (OSError, ValueError) as error:
            process = self._cold.start(command)
            process.cold = Text("no warm process answers ({error})").filled(error=str(error))
            return process

    def _why_off(self, state: WarmState) -> Text:
        """Of a warm process that dsk.yaml asks for, and that there is not: forks cannot use the
        GPU, or the worker was started with another setting."""
        if state.asked == "true":
            return state.reason
        self._wanted = True
        text = Text("{why}; dsk.yaml has warm: true, so one is started after this job")
        return text.filled(why=state.reason)

    def close(self) -> None:
        """Ask for the warm process that this job did not find. After the job's ranks have ended:
        its imports would take processor time from them."""
        if self._wanted:
            # Nobody reads where another job has asked meanwhile.
            with contextlib.suppress(OSError):
                wish = os.open(self._wish, os.O_WRONLY | os.O_NONBLOCK)
                os.write(wish, b"true\n")
                os.close(wish)

    def _state_when_ready(self) -> WarmState | None:
        """How the warm process is, after its imports. Only a job's first rank waits for them."""
        deadline, self._ready_limit = time.monotonic() + self._ready_limit, 0.0
        while (state := read_state(self._state)) and state.state == "importing":
            if time.monotonic() > deadline or not Path(f"/proc/{state.pid}").exists():
                break
            time.sleep(0.05)
        return state

    def _fork(self, command: RankCommand) -> RankProcess:
        """Raises Refused with the warm process's reason, OSError, ValueError."""
        request = Request(tuple(command.argv), dict(command.env), str(command.folder))
        reading, writing = os.pipe()
        output = os.fdopen(reading, "rb", buffering=0)
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(ANSWER_LIMIT_S)
            connection.connect(str(self._address))
            data = request.encode()
            sent = socket.send_fds(connection, [data], [writing])
            if rest := data[sent:]:  # of nothing it would send nothing, which fails after an answer
                connection.sendall(rest)
            answer = decode(_line(connection))
            connection.settimeout(None)
            return _Forked(_pid(answer), output, connection)
        except BaseException:
            output.close()
            connection.close()
            raise
        finally:
            os.close(writing)


def _pid(answer: Mapping[str, Any]) -> int:
    """Raises Refused, and ValueError where it is no answer."""
    if "cold" in answer:
        raise Refused(read_text(answer["cold"], "cold"))
    if not isinstance(answer.get("pid"), int):
        raise ValueError(f"not an answer: {answer}")  # noqa: TRY004 - one error type a caller
    return int(answer["pid"])


class _Forked(RankProcess):
    """Its parent is its keeper (dsk.warm.keeper), at the other end of `connection`."""

    def __init__(self, pid: int, output: BinaryIO, connection: socket.socket) -> None:
        self.pid = pid
        self.output = output
        self._connection = connection

    def wait(self) -> int:
        # Closed at once: what the rank has left behind is then ended too.
        with self._connection as connection:
            try:
                return int(decode(_line(connection))["code"])
            except (OSError, ValueError, KeyError):
                # The keeper was killed: the kernel then kills the rank.
                return KILLED


def read_state(path: Path = Path(paths.WARM_STATE)) -> WarmState | None:
    """What the warm process last said of itself; None where there never was one."""
    try:
        return WarmState.decode(path.read_bytes())
    except (OSError, ValueError):
        return None


def look(path: Path = Path(paths.WARM_STATE)) -> WarmState | None:
    """As read_state, compared with what runs, with its memory."""
    state = read_state(path)
    if state is None or state.state == "off":
        return state
    try:
        pages = int(Path(f"/proc/{state.pid}/statm").read_text().split()[1])
    except OSError:
        text = Text("it has ended, and is being started again")
        return replace(state, state="gone", reason=text)
    return replace(state, memory=pages * resource.getpagesize())


def _line(connection: socket.socket) -> bytes:
    """Raises ValueError where the other end closes before the end of the line."""
    data = b""
    while not data.endswith(b"\n"):
        more = connection.recv(4096)
        if not more:
            raise ValueError("the connection was closed")
        data += more
    return data

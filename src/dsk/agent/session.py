"""Requests on a stream, answered one by one (wire.session)."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import IO, Any

from dsk.agent import lock
from dsk.agent.node import Node
from dsk.agent.refused import Refused
from dsk.wire import session
from dsk.wire.request import Handlers, by_op, plain, read_request


class Session:
    """One connection. With `beside` each question is answered by a thread of its own: none keeps
    another waiting, and whoever needs an order waits for the answer before it asks again."""

    def __init__(
        self,
        handlers: Handlers,
        out: IO[bytes],
        *,
        beside: bool = False,
        heard: Callable[[], None] = lambda: None,
    ) -> None:
        self._handlers = handlers
        self._by_op = by_op(handlers)
        self._out = out
        self._beside = beside
        self._heard = heard
        self._sending = threading.Lock()

    def serve(self, requests: IO[bytes]) -> None:
        """Until the other end sends no more and has its answers. `heard` is called for each
        request. Raises ValueError where one is no message."""
        late: list[threading.Thread] = []
        for line in session.lines(requests):
            self._heard()
            request = session.decode(line)
            if self._beside:
                late = [thread for thread in late if thread.is_alive()]
                late.append(
                    threading.Thread(target=self._answer_late, args=(request,), daemon=True)
                )
                late[-1].start()
            else:
                self._answer(request)
        for thread in late:
            thread.join()

    def _answer_late(self, request: dict[str, Any]) -> None:
        # Whoever asked may be gone by then.
        with contextlib.suppress(OSError, ValueError):
            self._answer(request)

    def _answer(self, request: dict[str, Any]) -> None:
        number, op = request.pop("id"), request.pop("op")
        message: dict[str, Any] = {"id": number}
        try:
            message["result"] = self._result(op, request)
        except lock.Busy as busy:
            message |= {"error": str(busy), "busy": busy.holder}
        except Refused as refused:
            message |= {"error": str(refused), "text": asdict(refused.text)}
        except Exception as error:
            message["error"] = f"{type(error).__name__}: {error}"
        with self._sending:
            self._out.write(session.encode(message))
            self._out.flush()

    def _result(self, op: str, raw: dict[str, Any]) -> Any:
        kind = self._by_op.get(op)
        if kind is None:
            raise ValueError(f"this agent has no operation {op!r}")
        return plain(self._handlers[kind](read_request(kind, raw)))


def serve(workspace: str, job: str) -> None:
    """`dsk-agent session`: nothing outlives the connection."""
    Session(Node(workspace, job).handlers, sys.stdout.buffer).serve(sys.stdin.buffer)

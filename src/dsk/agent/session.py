"""Requests on a stream, answered one by one (wire.session)."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Mapping
from typing import IO, Any

from dsk.agent import aftermath, checkpoints, files, jobfolder, lock, ports
from dsk.agent.identity import accelerators, identity
from dsk.agent.needed import missing
from dsk.wire import session

Op = Callable[..., Any]


def node_ops(workspace: str, job: str) -> dict[str, Op]:
    """What is asked of a node whether or not ranks of the job run there."""
    return {
        "identity": lambda: identity(workspace),
        "accelerators": accelerators,
        "put": lambda name, text: jobfolder.put(workspace, job, name, text),
        "changed": lambda files: jobfolder.changed(workspace, job, files),
        "marker": lambda name, action: _marker(workspace, name, action),
        "missing": missing,
        "checkpoints": checkpoints.saved,
        "free_port": ports.reserve_port,
        "survey": lambda paths: files.survey(workspace, paths),
        "digests": lambda paths: files.digests(workspace, paths),
        "delete": lambda paths: files.delete(workspace, paths),
    }


def _marker(workspace: str, name: str, action: str) -> bool:
    if action == "remove":
        jobfolder.remove_marker(workspace, name)
        return True
    return jobfolder.marker(workspace, name, make=action == "make")


class Session:
    """One connection. With `beside` each question is answered by a thread of its own: none keeps
    another waiting, and whoever needs an order waits for the answer before it asks again."""

    def __init__(
        self,
        ops: Mapping[str, Op],
        out: IO[bytes],
        *,
        beside: bool = False,
        heard: Callable[[], None] = lambda: None,
    ) -> None:
        self._ops = ops
        self._out = out
        self._beside = beside
        self._heard = heard
        self._sending = threading.Lock()

    def serve(self, requests: IO[bytes]) -> None:
        """Until the other end sends no more and has its answers. `heard` is called for each
        request."""
        late: list[threading.Thread] = []
        for line in requests:
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
            message["result"] = self._ops[op](**request)
        except lock.Busy as busy:
            message |= {"error": str(busy), "busy": busy.holder}
        except aftermath.Stuck as stuck:
            message["error"] = str(stuck)
        except Exception as error:
            message["error"] = f"{type(error).__name__}: {error}"
        with self._sending:
            self._out.write(session.encode(message))
            self._out.flush()


def serve(workspace: str, job: str) -> None:
    """`dsk-agent session`: nothing outlives the connection."""
    Session(node_ops(workspace, job), sys.stdout.buffer).serve(sys.stdin.buffer)

"""The workers that take part: asked side by side; one that fails is told and left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from dsk.errors import DskError
from dsk.supervisor.place import MADE_BY_UP
from dsk.supervisor.worker import Worker
from dsk.wire import paths
from dsk.wire.jobspec import JobNode
from dsk.wire.measure import Measured, Silent

MOST_AT_ONCE = 64
"""Logins and answers that are waited for at the same time."""
LOGIN_LIMIT_S = 10.0
PROGRAM = (str(paths.PYTHON), "-I", "-m", "dsk.agent.measure")


class Party:
    """`tell` gets every measurement, from any thread."""

    def __init__(self, ssh_config: Path, tell: Callable[[Measured], None]) -> None:
        self._ssh_config = ssh_config
        self._tell = tell
        self._workers: dict[int, Worker] = {}

    @property
    def present(self) -> list[int]:
        """The nodes that have answered so far, and not failed since."""
        return sorted(self._workers)

    def join(self, nodes: Iterable[JobNode], op: str) -> dict[int, Any]:
        """Logs in to the nodes' workers and asks for `op` there; the answers by node."""
        for node in nodes:
            agent = [*PROGRAM, node.host]
            self._workers[node.index] = Worker(
                node, self._ssh_config, agent, lambda _: None, remedies=MADE_BY_UP
            )
        return self.ask({node.index: {} for node in nodes}, op, LOGIN_LIMIT_S)

    def ask(
        self, arguments: Mapping[int, Mapping[str, Any]], op: str, limit_s: float
    ) -> dict[int, Any]:
        """`op` on these nodes at once, each with its arguments; the answers of those that did."""
        asked = {node: each for node, each in arguments.items() if node in self._workers}
        if not asked:
            return {}

        def answer(node: int) -> Any:
            return self._workers[node].ask(op, limit=limit_s, **asked[node])

        with ThreadPoolExecutor(min(len(asked), MOST_AT_ONCE)) as pool:
            futures = {node: pool.submit(answer, node) for node in asked}
        results = {}
        for node, future in futures.items():
            error = future.exception()
            if error is None:
                results[node] = future.result()
            elif isinstance(error, DskError):
                self._tell(Silent(node, error.message, error.fix))
                self._leave(node)
            else:
                raise error
        return results

    def _leave(self, node: int) -> None:
        self._workers.pop(node).abandon()

    def close(self) -> None:
        workers = list(self._workers.values())
        if workers:
            with ThreadPoolExecutor(min(len(workers), MOST_AT_ONCE)) as pool:
                list(pool.map(Worker.close, workers))

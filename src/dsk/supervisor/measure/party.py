"""The workers that take part: asked side by side; one that fails is told and left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from dsk.errors import DskError
from dsk.supervisor.runtime import MADE_BY_UP
from dsk.supervisor.worker import Worker
from dsk.wire import paths
from dsk.wire.jobspec import JobNode
from dsk.wire.measure import Measured, Silent
from dsk.wire.request import Request

A = TypeVar("A")
T = TypeVar("T")

MOST_LOGINS = 16
"""At the same time: each costs both ends a key exchange and the start of a program, and all of
them together would take longer than one may."""
MOST_ANSWERS = 64
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

    def join(self, nodes: Iterable[JobNode], request: Request[A]) -> dict[int, A]:
        """Logs in to the nodes' workers and asks them; the answers by node."""

        def log_in(node: JobNode) -> A:
            agent = [*PROGRAM, node.host, str(node.index)]
            worker = Worker(node, self._ssh_config, agent, remedies=MADE_BY_UP)
            self._workers[node.index] = worker
            return worker.ask(request)

        return self._each({node.index: node for node in nodes}, log_in, MOST_LOGINS)

    def ask(self, requests: Mapping[int, Request[A]]) -> dict[int, A]:
        """Asks these nodes at once, each its own; the answers of those that did answer."""
        asked = {
            node: (self._workers[node], request)
            for node, request in requests.items()
            if node in self._workers
        }

        def answer(question: tuple[Worker, Request[A]]) -> A:
            worker, request = question
            return worker.ask(request)

        return self._each(asked, answer, MOST_ANSWERS)

    def _each(self, items: Mapping[int, T], work: Callable[[T], A], most: int) -> dict[int, A]:
        if not items:
            return {}
        with ThreadPoolExecutor(min(len(items), most)) as pool:
            futures = {node: pool.submit(work, item) for node, item in items.items()}
        results = {}
        for node, future in futures.items():
            try:
                results[node] = future.result()
            except DskError as error:
                self._tell(Silent(node, error.told, error.remedy))
                worker = self._workers.pop(node)
                worker.lost = True
                worker.close()
        return results

    def close(self) -> None:
        workers = list(self._workers.values())
        if workers:
            with ThreadPoolExecutor(min(len(workers), MOST_ANSWERS)) as pool:
                list(pool.map(Worker.close, workers))

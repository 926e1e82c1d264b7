"""Who starts the ranks of an attempt: the one seam between dsk's agents and DeepSpeed's runner."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from dsk.plan import direct
from dsk.supervisor.worker import Worker
from dsk.supervisor.workers import Workers
from dsk.wire.jobspec import JobSpec
from dsk.wire.operations import ColdStart, StartRanks


class Launcher(ABC):
    """What becomes of the ranks is heard from the nodes' Watches, or from the launcher itself."""

    @abstractmethod
    def start(self, attempt: int) -> Sequence[tuple[int, ColdStart]]:
        """The ranks that could not be forked, with the index of their node. Raises DskError where a
        rank cannot be started."""

    @abstractmethod
    def end(self) -> None:
        """What the launcher itself has running; the ranks have been ended before."""


class Direct(Launcher):
    """The nodes' agents start the ranks."""

    def __init__(self, spec: JobSpec, workers: Workers, *, master_port: int) -> None:
        self._spec = spec
        self._workers = workers
        self._port = master_port

    def start(self, attempt: int) -> Sequence[tuple[int, ColdStart]]:
        def start(worker: Worker) -> tuple[ColdStart, ...]:
            ranks = direct.ranks_of(self._spec, worker.node, master_port=self._port)
            # In the connection, and on no command line: the environment may hold secrets.
            return worker.ask(StartRanks(attempt, ranks))

        started = self._workers.each(start)
        return [(worker.node.index, cold) for worker, colds in started for cold in colds]

    def end(self) -> None:
        pass

"""Who starts the ranks of an attempt: the one seam between dsk's agents and DeepSpeed's runner."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict

from dsk.plan import direct
from dsk.supervisor.worker import Worker
from dsk.supervisor.workers import Workers
from dsk.wire.jobspec import JobSpec

START_LIMIT_S = 30.0


class Launcher(ABC):
    """What becomes of the ranks is heard from the nodes' Watches, or from the launcher itself."""

    @abstractmethod
    def start(self, attempt: int, files: Mapping[str, str]) -> None:
        """`files`: the SHA-256 that the job's files must still have, by name. Raises DskError where
        they do not, or where a rank cannot be started."""

    @abstractmethod
    def end(self) -> None:
        """What the launcher itself has running; the ranks have been ended before."""


class Direct(Launcher):
    """The nodes' agents start the ranks."""

    def __init__(self, spec: JobSpec, workers: Workers, *, master_port: int) -> None:
        self._spec = spec
        self._workers = workers
        self._port = master_port

    def start(self, attempt: int, files: Mapping[str, str]) -> None:
        def start(worker: Worker) -> None:
            ranks = direct.ranks_of(self._spec, worker.node, master_port=self._port)
            # In the connection, and on no command line: the environment may hold secrets.
            worker.ask(
                "start",
                limit=START_LIMIT_S,
                attempt=attempt,
                ranks=[*map(asdict, ranks)],
                files=files,
            )

        self._workers.each(start)

    def end(self) -> None:
        pass

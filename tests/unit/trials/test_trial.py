"""Whoever leaves while a trial runs ends it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

from dsk.cluster.model import Cluster, Local, Node
from dsk.jobs.runtime import Runtime, Supervisor
from dsk.trials.trial import Trials, collectives
from dsk.wire.events import Event, Finished

LIMIT_S = 10


class Waiting(Supervisor):
    """A job whose ranks wait for each other until it is stopped."""

    job = "trial-1"

    def __init__(self) -> None:
        self.runs = threading.Event()
        self.stopped = threading.Event()

    def events(self) -> Iterator[Event]:
        self.runs.set()
        assert self.stopped.wait(LIMIT_S)
        yield Finished(0.0, "stopped", 130, 1.0, "", "")

    def exit_code(self) -> int:
        return 130

    def request_stop(self) -> None:
        self.stopped.set()

    def request_save(self) -> None: ...

    def stop(self) -> None:
        self.request_stop()


class Engine:
    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    def running(self) -> list[Supervisor]:
        return []

    def start(self, _spec: object) -> Supervisor:
        return self._supervisor


def test_a_trial_that_runs_is_ended() -> None:
    cluster = Cluster("lab", (Node(0, "10.0.0.11", 1, Local()),), Path("/dsk.yaml"))
    waiting = Waiting()
    runtime = cast("Runtime", Engine(waiting))
    with ThreadPoolExecutor(1) as pool:
        with Trials.open(runtime, collectives(cluster)) as trials:
            running = pool.submit(trials.run, [cluster.nodes])
            assert waiting.runs.wait(LIMIT_S)
        assert waiting.stopped.is_set()
        (trial,) = running.result(LIMIT_S)
    assert not trial.works

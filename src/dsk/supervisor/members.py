"""The nodes between two attempts: all of them are back, and the ranks of before hold nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from dsk import awake
from dsk.errors import JobFailed, Unreachable
from dsk.supervisor import prepare
from dsk.supervisor.record import Record
from dsk.supervisor.runtime import Remedies
from dsk.supervisor.watch import Watch
from dsk.supervisor.worker import Worker
from dsk.supervisor.workers import Workers
from dsk.text import Text, joined
from dsk.wire.events import Notice, Phase
from dsk.wire.jobspec import JobSpec
from dsk.wire.operations import EndRanks, FindHeld, TakeLock

BACK_LIMIT_S = 600.0
"""For a node that was lost: a server needs some minutes to start again."""
REJOIN_LIMIT_S = 8.0
"""For one try to connect to it."""
FREE_LIMIT_S = 60.0
"""For the memory of a GPU whose ranks have ended: a driver needs some seconds."""
PAUSE_S = 1.0

_WAITING = Text("waiting for {nodes} to come back, {limit:.0f} s at most")
_BACK = Text("{node} is back")
_STILL_GONE = Text("did not come back within {limit:.0f} s: {why}")
_HELD = Text("{limit:.0f} s after the ranks ended: {held}")
_HELD_FIX = Text("end what holds it: dsk exec -- nvidia-smi; then launch again with --resume")


class Members:
    """`watches` has one of each node; that of a node that came back is replaced by a new one, for
    whose end `on_start` cares."""

    def __init__(
        self,
        spec: JobSpec,
        workers: Workers,
        watches: list[Watch],
        record: Record,
        remedies: Remedies,
        *,
        on_start: Callable[[Watch], object],
    ) -> None:
        self._spec = spec
        self._workers = workers
        self._watches = watches
        self._record = record
        self._remedies = remedies
        self._on_start = on_start

    def restore(self, ended: int) -> None:
        """After attempt number `ended`. Raises DskError where a node does not come back, is another
        one, or has something that does not become free. A signal interrupts it at any moment."""
        deadline = awake.now() + BACK_LIMIT_S
        while True:
            came_back = list(self._await_lost(ended, deadline))
            try:
                # A GPU may have failed; a node that came back may have another image.
                prepare.check_workers(self._spec, self._workers, self._remedies)
                for worker in came_back:
                    self._tell(_BACK.filled(node=worker.name), worker)
                self._await_free()
            except Unreachable:
                # Another node, which its watch has not given up yet.
                if awake.now() > deadline:
                    raise
                time.sleep(PAUSE_S)
            else:
                return

    def _await_lost(self, ended: int, deadline: float) -> Iterator[Worker]:
        lost = [watch.worker for watch in self._watches if watch.worker.lost]
        if not lost:
            return
        names = joined([Text("{name}").filled(name=worker.name) for worker in lost])
        text = _WAITING.filled(nodes=names, limit=BACK_LIMIT_S)
        self._record.tell(Phase(time.time(), "starting", text))
        while lost:
            worker = lost.pop(0)
            try:
                self._rejoin(worker, ended)
            except Unreachable as error:
                if awake.now() > deadline:
                    text = _STILL_GONE.filled(limit=BACK_LIMIT_S, why=error.told)
                    raise JobFailed(
                        text, where=worker.name, fix=self._remedies.connection
                    ) from error
                lost.append(worker)
                time.sleep(PAUSE_S)
            else:
                yield worker

    def _rejoin(self, worker: Worker, ended: int) -> None:
        if worker.rejoin(self._spec.job, limit=REJOIN_LIMIT_S):
            worker.ask(TakeLock())
        # An agent that was cut off for a while may have its ranks still.
        worker.ask(EndRanks(ended))
        watch = Watch(worker)
        self._on_start(watch)
        index = next(n for n, old in enumerate(self._watches) if old.worker is worker)
        self._watches[index] = watch

    def _await_free(self) -> None:
        deadline = awake.now() + FREE_LIMIT_S
        while held := self._held():
            if awake.now() > deadline:
                text = _HELD.filled(limit=FREE_LIMIT_S, held=joined(held, "; "))
                raise JobFailed(text, fix=_HELD_FIX)
            time.sleep(PAUSE_S)

    def _held(self) -> list[Text]:
        def ask(worker: Worker) -> tuple[Text, ...]:
            return worker.ask(FindHeld(worker.node.slots))

        at = Text("{node}: {what}")
        return [
            at.filled(node=worker.name, what=what)
            for worker, found in self._workers.each(ask)
            for what in found
        ]

    def _tell(self, text: Text, worker: Worker) -> None:
        notice = Notice(time.time(), "node_back", text, worker.node.index)
        self._record.tell(notice)

"""One start of all ranks: from the rendezvous' port to the end of what is left of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dsk.supervisor import prepare, stacktraces
from dsk.supervisor.heard import Heard
from dsk.supervisor.inbox import Inbox
from dsk.supervisor.launcher import Launcher
from dsk.supervisor.listener import Listener
from dsk.supervisor.record import Record
from dsk.supervisor.stalls import Stall
from dsk.supervisor.trickle import Trickle
from dsk.supervisor.watch import Watch
from dsk.supervisor.workers import Workers
from dsk.text import Text
from dsk.wire import events, paths
from dsk.wire.events import Failure, Notice, Phase, State
from dsk.wire.jobspec import JobSpec
from dsk.wire.operations import ReservePort
from dsk.wire.progress import doing

CATCH_UP_LIMIT_S = 5.0
LAST_LINES_LIMIT_S = 1.0

MakeLauncher = Callable[[int, Callable[[Heard], None]], Launcher]
"""Of the rendezvous' port, and who is told what the launcher itself hears of ranks."""


class Attempt:
    """Has a number, a rendezvous, a launcher and an inbox of its own. Connections, locks, the job's
    folder and its files are the job's, and outlive it."""

    def __init__(
        self,
        number: int,
        spec: JobSpec,
        workers: Workers,
        watches: Sequence[Watch],
        record: Record,
        *,
        files: Mapping[str, str],
        resume_from: str | None,
        launcher: MakeLauncher,
    ) -> None:
        """`files` are the job's on every node: their SHA-256 by name."""
        self._number = number
        self._spec = spec
        self._workers = workers
        self._watches = watches
        self._record = record
        self._files = files
        self._resume_from = resume_from
        self._make_launcher = launcher
        self._inbox = Inbox()
        self._listener = Listener(spec, record, self._inbox)
        self._launcher: Launcher | None = None
        self._succeeded = False
        """All ranks have ended with 0: none of them is left to end."""

    def start(self) -> None:
        """Raises DskError where a rank cannot be started."""
        spec, first = self._spec, next(iter(self._workers))
        port = first.ask(ReservePort(spec.nodes[0].host))
        starting = Text("starting {ranks}, rendezvous at {host}:{port}").filled(
            ranks=_ranks(spec.world_size), host=spec.nodes[0].host, port=port
        )
        self._phase("starting", starting)
        launcher = self._make_launcher(port, self._inbox.put)
        trickle = Trickle(self._inbox.put, spec.world_size)
        for watch in self._watches:
            watch.begin_attempt(self._number, trickle.tell)
        prepare.check_files(self._files, self._workers)
        nodes = tuple(node.index for node in spec.nodes)
        self._record.tell(events.Attempt(time.time(), self._number, nodes, self._resume_from))
        # Known before the first rank is started: a signal may come at any moment.
        self._launcher = launcher
        for node, cold in launcher.start(self._number):
            text = Text("rank {rank} starts cold: {reason}").filled(
                rank=cold.rank, reason=cold.reason
            )
            self._record.tell(Notice(time.time(), "cold_start", text, node))

    def watch(self) -> Failure | Stall | None:
        """Wait until it is known how the attempt ends: None once every rank has ended with 0."""
        found = self._listener.watch()
        self._succeeded = found is None
        return found

    def explain(self, found: Failure | Stall | None) -> Failure | None:
        """The failure with all that the nodes can say about it."""
        failure = self._hung(found) if isinstance(found, Stall) else found
        return failure and self._with_last_lines(failure)

    def end(self) -> None:
        """End what is left on every node. Nothing happens before the start, or a second time."""
        launcher, self._launcher = self._launcher, None
        if launcher is None:
            return
        self._listener.set_ending()
        if not self._succeeded:
            self._phase("stopping", Text("ending what is left of the job on every node"))
        # The ranks first: pdsh, and with it the runner, waits for every node for ever.
        for node, problem in self._workers.end_ranks(self._spec.job, self._number):
            self._record.tell(Notice(time.time(), "left_over", problem, node))
        launcher.end()
        with ThreadPoolExecutor(len(self._watches)) as pool:
            list(pool.map(lambda watch: watch.catch_up(CATCH_UP_LIMIT_S), self._watches))
        self._listener.drain()
        self._record.progress(last=True)

    def _with_last_lines(self, failure: Failure) -> Failure:
        """Those of the rank that it names, asked for once more."""
        for watch in self._watches:
            if failure.rank is not None and watch.worker.node.index == failure.node:
                watch.catch_up(LAST_LINES_LIMIT_S)
        self._listener.drain()
        return self._listener.complete(failure)

    def _hung(self, stall: Stall) -> Failure:
        at = time.time()
        self._listener.set_ending()
        text = Text("no rank has made progress for {seconds:.0f} s ({phase})")
        text = text.filled(seconds=stall.seconds, phase=doing(stall.phase))
        self._record.tell(Notice(at, "stalled", text))
        self._phase("stopping", Text("reading the stacks of the ranks"))
        folder = paths.job_folder(self._spec.workspace, self._spec.job)
        place = paths.stacks(folder, self._number)
        found = stacktraces.gather(self._workers)
        if problem := stacktraces.keep(found, Path(place)):
            self._record.tell(Notice(time.time(), "not_written", problem))
        return stacktraces.failure(stall, found, at=at, folder=str(place))

    def _phase(self, state: State, text: Text) -> None:
        self._record.tell(Phase(time.time(), state, text))


def _ranks(number: int) -> Text:
    return Text("1 rank") if number == 1 else Text("{ranks} ranks").filled(ranks=number)

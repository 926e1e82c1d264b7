"""What is heard of an attempt, from the start of its ranks until it is known how they end."""

from __future__ import annotations

import signal
import time
from collections import Counter, defaultdict, deque
from dataclasses import replace

from dsk import awake
from dsk.supervisor.heard import (
    Heard,
    LauncherEnded,
    LauncherLine,
    Lines,
    Lost,
    RankEnded,
    Reach,
    Reported,
)
from dsk.supervisor.inbox import Inbox
from dsk.supervisor.lowdisk import LowDisks
from dsk.supervisor.raised import exception
from dsk.supervisor.record import Record
from dsk.supervisor.stalls import Stall, Stalls
from dsk.text import Text
from dsk.wire.events import BAR, Exited, Failure, Notice, Output, Phase
from dsk.wire.jobspec import JobNode, JobSpec
from dsk.wire.progress import Progress, doing

GIB = 1024**3
KEPT_LINES = 20
TICK_S = 0.25
SAVE_EVERY_S = 2.0
SETTLE_S = 0.5
"""A rank that ends makes the others fail within moments. The supervisor waits this long for their
nodes to say which rank ended first."""
OUT_OF_REACH_S = 4.0
"""Extra grace period while another node is unreachable: what ended its ranks made the others
fail."""


class Listener:
    """Reads `heard` until all ranks have succeeded or one thing has gone wrong.

    It judges by when things were heard, after it has taken everything that was: a supervisor that
    could not run for a while must not take its own delay for a rank's. Times are of dsk.awake.
    """

    def __init__(self, spec: JobSpec, record: Record, heard: Inbox) -> None:
        self._spec = spec
        self._record = record
        self._heard = heard
        self._succeeded: Counter[int] = Counter()
        """Ranks, by the index of their node."""
        self._failed: list[RankEnded] = []
        self._failure: Failure | None = None
        self._judged_at = 0.0
        self._broken: dict[int, Reach] = {}
        self._lost: Failure | None = None
        self._running = False
        self._ending = False
        self._stalls = Stalls(spec.limits)
        self._low_disks = LowDisks()
        self._last: dict[int, deque[str]] = defaultdict(lambda: deque(maxlen=KEPT_LINES))
        self._launcher_last: deque[str] = deque(maxlen=KEPT_LINES)
        self._steps: dict[int, int] = {}
        """By rank, the furthest that it has reported."""

    def watch(self) -> Failure | Stall | None:
        """From the ranks' start on. None once every rank has ended with 0."""
        self._stalls.begin(awake.now())
        save = awake.now() + SAVE_EVERY_S
        while True:
            first = self._heard.take(wait=TICK_S)
            now = awake.now()
            self._hear_all(first, until=now)
            if self._succeeded.total() == self._spec.world_size:
                return None
            if wrong := self._judge(now):
                return wrong
            if now >= save:
                self._record.progress()
                save = now + SAVE_EVERY_S

    def set_ending(self) -> None:
        """What is heard from now on no longer means that the job runs."""
        self._ending = True

    def drain(self) -> None:
        """Hears what has arrived by now: ranks that still run may say more for ever."""
        self._hear_all(self._heard.take(), until=awake.now())

    def _hear_all(self, taken: tuple[float, Heard] | None, *, until: float) -> None:
        while taken:
            at, message = taken
            self.hear(message, at)
            taken = self._heard.take() if at <= until else None

    def complete(self, failure: Failure) -> Failure:
        """The failure with the last lines of whom it names, and the exception among them."""
        lines = self._launcher_last if failure.rank is None else self._last[failure.rank]
        raised = exception(lines)
        cause = failure.cause
        if raised:
            cause = Text("{cause}: {exception}").filled(cause=cause, exception=raised)
        return replace(failure, cause=cause, lines=tuple(lines))

    def step_of(self, rank: int | None) -> int | None:
        """How many steps the rank has done, or else the rank that is furthest; None before the
        first step begins."""
        return self._steps.get(
            -1 if rank is None else rank, max(self._steps.values(), default=None)
        )

    def hear(self, message: Heard, at: float) -> None:
        """`at`: when it arrived."""
        if isinstance(message, Lines):
            self._ranks_lines(message, at)
        elif isinstance(message, Reported):
            self._reported(message, at)
        elif isinstance(message, RankEnded):
            self._rank_ended(message, at)
        elif isinstance(message, LauncherLine):
            self._launcher_last.append(message.text)
            node = message.node.index if message.node else None
            self._record.tell(Output(time.time(), node, None, message.text))
        elif isinstance(message, Reach):
            self._broken.pop(message.node.index, None)
            if message.broken:
                self._broken[message.node.index] = message
        elif isinstance(message, Lost):
            self._node_lost(message)
        elif isinstance(message, LauncherEnded):
            node = message.node.index if message.node else None
            self._fail(Failure(time.time(), message.why, node, code=message.code))

    def _node_lost(self, lost: Lost) -> None:
        self._broken.pop(lost.node.index, None)
        if self._is_done(lost.node):
            text = Text("{why}; its ranks have succeeded, and the job continues")
            text = text.filled(why=lost.why)
            self._record.tell(Notice(time.time(), "node_lost", text, lost.node.index))
            return
        failure = Failure(time.time(), lost.why, lost.node.index, fix=lost.fix)
        self._lost = self._lost or failure
        self._fail(failure)

    def _is_done(self, node: JobNode) -> bool:
        """Whether all of the node's ranks have succeeded: nothing more is needed from it."""
        return self._succeeded[node.index] == len(node.slots)

    def _fail(self, failure: Failure) -> None:
        """The first counts."""
        self._failure = self._failure or failure

    def _judge(self, now: float) -> Failure | Stall | None:
        if not self._failed:
            return self._failure or self._stalls.check(now)
        if now < self._judged_at:
            return None
        failed = self._rank_failed(min(self._failed, key=lambda ended: ended.at))
        if self._lost and self._lost.node != failed.node:
            return self._lost
        out_of_reach = [
            each
            for each in self._broken.values()
            if each.node.index != failed.node and not self._is_done(each.node)
        ]
        if not out_of_reach:
            return failed
        return None if now < self._judged_at + OUT_OF_REACH_S else _cut_off(out_of_reach[0], failed)

    def _ranks_lines(self, message: Lines, at: float) -> None:
        self._runs()
        self._stalls.printed(at)
        for rank, text in message.lines:
            line, bar = text.removeprefix(BAR), text.startswith(BAR)
            if not bar:
                self._last[rank].append(line)
            self._record.tell(Output(time.time(), message.node.index, rank, line, bar))

    def _runs(self) -> None:
        if not self._running and not self._ending:
            self._running = True
            self._record.tell(Phase(time.time(), "running", Text("the ranks are running")))

    def _reported(self, message: Reported, at: float) -> None:
        self._record.reported(message)
        if self._low_disks.became_low(message.node.index, message.report.host):
            self._disk_low(message)
        for rank in message.report.ranks:
            if rank.progress:
                self._runs()
                self._note_step(rank.rank, rank.progress)
                if rank.pid:
                    self._stalls.heard(rank.rank, rank.progress, at)

    def _note_step(self, rank: int, progress: Progress) -> None:
        if progress.step is not None:
            self._steps[rank] = progress.step

    def _disk_low(self, message: Reported) -> None:
        node, free = message.node, message.report.host.disk_free or 0
        text = Text(
            "node{node} ({host}): only {free:.1f} GiB are free in {folder}; a checkpoint may not "
            "fit"
        ).filled(node=node.index, host=node.host, free=free / GIB, folder=self._spec.workspace)
        self._record.tell(Notice(time.time(), "disk_low", text, node.index))

    def _rank_ended(self, ended: RankEnded, at: float) -> None:
        name = _signal_name(ended.code)
        self._record.tell(
            Exited(time.time(), ended.node.index, ended.rank, ended.code, signal=name)
        )
        if ended.rank is not None:
            self._stalls.ended(ended.rank)
            if ended.progress:
                self._record.rank_ended(ended.rank, ended.progress)
                self._note_step(ended.rank, ended.progress)
        if ended.code == 0 and not _left_early(ended.progress):
            self._succeeded[ended.node.index] += 1
            return
        if not self._failed:
            self._judged_at = at + SETTLE_S
        self._failed.append(ended)

    def _rank_failed(self, ended: RankEnded) -> Failure:
        node = ended.node
        who = Text("rank {rank} on node{node} ({host})")
        if ended.rank is None:
            who = Text("a rank on node{node} ({host})")
        who = who.filled(rank=ended.rank, node=node.index, host=node.host)
        fix = None
        if ended.oom and ended.code == -signal.SIGKILL:
            cause = Text("{rank} was killed by the kernel: its worker has used up its memory")
            fix = Text(
                "give it more memory, or lower what a rank needs: batch size, cutoff_len, workers"
            )
        elif name := _signal_name(ended.code):
            cause = Text("{rank} was ended by signal {number} ({name})")
            cause = cause.filled(number=-ended.code, name=name)
        elif ended.code == 0 and ended.progress:
            cause = Text("{rank} exited early with code 0, during {phase}")
            cause = cause.filled(phase=doing(ended.progress.phase))
        else:
            cause = Text("{rank} exited with {code}").filled(code=ended.code)
            if ended.oom:
                cause = Text(
                    "{rank} exited with {code}; the kernel has killed something in its worker, "
                    "which has no memory left"
                ).filled(code=ended.code)
        return Failure(
            time.time(),
            cause.filled(rank=who),
            node.index,
            ended.rank,
            ended.code,
            fix,
            out_of_memory=ended.oom,
        )


def _cut_off(first: Reach, then: Failure) -> Failure:
    node = first.node
    return Failure(
        then.at,
        Text("node{node} ({host}) is out of reach ({why}); after that {cause}").filled(
            node=node.index, host=node.host, why=first.broken, cause=then.cause
        ),
        node.index,
        fix=Text("is its worker up, and its server? run: dsk status"),
    )


def _left_early(progress: Progress | None) -> bool:
    """By its last report the rank still had something to do. One that never reports, such as a
    trial's, is judged by its exit code."""
    if progress is None or progress.phase == "ending":
        return False
    all_steps = progress.step is not None and progress.step == progress.steps
    return not (progress.phase == "training" and all_steps)


def _signal_name(code: int) -> str | None:
    if code >= 0:
        return None
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"

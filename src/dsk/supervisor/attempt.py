"""One start of all ranks: what is heard of it until it has ended, and how it ended."""

from __future__ import annotations

import contextlib
import queue
import re
import signal
import time
from collections import defaultdict, deque
from dataclasses import replace

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
from dsk.supervisor.record import Record
from dsk.supervisor.stalls import Stall, Stalls
from dsk.wire.events import BAR, Exited, Failure, Output, Phase
from dsk.wire.jobspec import JobSpec
from dsk.wire.progress import Progress

KEPT_LINES = 20
_EXCEPTION = re.compile(r"(?:\[rank\d+\]: )?((?:\w+\.)*\w*(?:Error|Exception|Interrupt)\b.*)")
"""The last line of a traceback, with or without torch's prefix."""
TICK_S = 0.25
SAVE_EVERY_S = 2.0
SETTLE_S = 0.5
"""A rank that ends makes the others fail within moments: so long they are waited for, to know by
their nodes' word which was the first."""
OUT_OF_REACH_S = 4.0
"""So long more where another node is out of reach: what ended its ranks made the others fail."""


class Attempt:
    """Reads `heard` until the ranks have all succeeded or one thing has gone wrong."""

    def __init__(self, spec: JobSpec, record: Record, heard: queue.Queue[Heard]) -> None:
        self._spec = spec
        self._record = record
        self._heard = heard
        self._succeeded = 0
        self._failed: list[RankEnded] = []
        self._failure: Failure | None = None
        self._judged_at = 0.0
        self._broken: dict[int, Reach] = {}
        self._lost: Failure | None = None
        self._running = False
        self._stalls = Stalls(spec.limits)
        self._last: dict[int, deque[str]] = defaultdict(lambda: deque(maxlen=KEPT_LINES))
        self._launcher_last: deque[str] = deque(maxlen=KEPT_LINES)

    def watch(self) -> Failure | Stall | None:
        """From the ranks' start on. None once every rank has ended with 0."""
        self._stalls.begin(time.monotonic())
        save = time.monotonic() + SAVE_EVERY_S
        while True:
            with contextlib.suppress(queue.Empty):
                self.hear(self._heard.get(timeout=TICK_S))
            now = time.monotonic()
            if self._succeeded == self._spec.world_size:
                return None
            if wrong := self._judge(now):
                return wrong
            if now >= save:
                self._record.progress()
                save = now + SAVE_EVERY_S

    def drain(self) -> None:
        """What had come by now: ranks that still run may say more for ever."""
        for _ in range(self._heard.qsize()):
            self.hear(self._heard.get_nowait())

    def complete(self, failure: Failure) -> Failure:
        """The failure with the last lines of whom it names, and the exception among them."""
        lines = self._launcher_last if failure.rank is None else self._last[failure.rank]
        exception = next((m[1] for line in reversed(lines) if (m := _EXCEPTION.match(line))), None)
        cause = f"{failure.cause}: {exception}" if exception else failure.cause
        return replace(failure, cause=cause, lines=tuple(lines))

    def hear(self, message: Heard) -> None:
        if isinstance(message, Lines):
            self._ranks_lines(message)
        elif isinstance(message, Reported):
            self._reported(message)
        elif isinstance(message, RankEnded):
            self._rank_ended(message)
        elif isinstance(message, LauncherLine):
            self._launcher_last.append(message.text)
            node = message.node.index if message.node else None
            self._record.tell(Output(time.time(), node, None, message.text))
        elif isinstance(message, Reach):
            self._broken.pop(message.node.index, None)
            if message.broken:
                self._broken[message.node.index] = message
        elif isinstance(message, Lost):
            self._broken.pop(message.node.index, None)
            lost = Failure(time.time(), message.why, message.node.index, fix=message.fix)
            self._lost = self._lost or lost
            self._fail(lost)
        elif isinstance(message, LauncherEnded):
            node = message.node.index if message.node else None
            self._fail(Failure(time.time(), message.why, node, code=message.code))

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
        out_of_reach = [each for each in self._broken.values() if each.node.index != failed.node]
        if not out_of_reach:
            return failed
        return None if now < self._judged_at + OUT_OF_REACH_S else _cut_off(out_of_reach[0], failed)

    def _ranks_lines(self, message: Lines) -> None:
        self._runs()
        self._stalls.printed(time.monotonic())
        for rank, text in message.lines:
            line, bar = text.removeprefix(BAR), text.startswith(BAR)
            if not bar:
                self._last[rank].append(line)
            self._record.tell(Output(time.time(), message.node.index, rank, line, bar))

    def _runs(self) -> None:
        if not self._running:
            self._running = True
            self._record.tell(Phase(time.time(), "running", "the ranks are running"))

    def _reported(self, message: Reported) -> None:
        self._record.reported(message)
        for rank in message.report.ranks:
            if rank.progress:
                self._runs()
                if rank.pid:
                    self._stalls.heard(rank.rank, rank.progress, time.monotonic())

    def _rank_ended(self, ended: RankEnded) -> None:
        name = _signal_name(ended.code)
        self._record.tell(
            Exited(time.time(), ended.node.index, ended.rank, ended.code, signal=name)
        )
        if ended.rank is not None:
            self._stalls.ended(ended.rank)
            if ended.progress:
                self._record.rank_ended(ended.rank, ended.progress)
        if ended.code == 0 and not _left_early(ended.progress):
            self._succeeded += 1
            return
        if not self._failed:
            self._judged_at = time.monotonic() + SETTLE_S
        self._failed.append(ended)

    def _rank_failed(self, ended: RankEnded) -> Failure:
        node = ended.node
        who = "a rank" if ended.rank is None else f"rank {ended.rank}"
        where = f"{who} on node{node.index} ({node.host})"
        fix = None
        if ended.oom and ended.code == -signal.SIGKILL:
            cause = f"{where} was killed by the kernel: its worker has used up its memory"
            fix = "give it more memory, or lower what a rank needs: batch size, cutoff_len, workers"
        elif name := _signal_name(ended.code):
            cause = f"{where} was ended by signal {-ended.code} ({name})"
        elif ended.code == 0 and ended.progress:
            cause = f"{where} ended early, with 0, in the midst of {ended.progress.phase}"
        else:
            cause = f"{where} exited with {ended.code}"
            if ended.oom:
                cause += "; the kernel has killed something in its worker, which has no memory left"
        return Failure(time.time(), cause, node.index, ended.rank, ended.code, fix)


def _cut_off(first: Reach, then: Failure) -> Failure:
    node = first.node
    return Failure(
        then.at,
        f"node{node.index} ({node.host}) is out of reach ({first.broken}); after that {then.cause}",
        node.index,
        fix="is its worker up, and its server? run: dsk status",
    )


def _left_early(progress: Progress | None) -> bool:
    """By its last word the rank had still something to do. One that has no word of itself, such as
    a probe's, is taken at its exit code."""
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

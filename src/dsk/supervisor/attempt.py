"""One start of all ranks: what is heard of it until it has ended, and how it ended."""

from __future__ import annotations

import queue
import re
import time
from collections import defaultdict, deque
from dataclasses import replace

from dsk.plan import deepspeed
from dsk.supervisor.launcher import LauncherExited, LauncherLine
from dsk.supervisor.record import Record
from dsk.supervisor.worker import Lines, Lost
from dsk.wire.events import Failure, Output, Phase
from dsk.wire.jobspec import JobNode, JobSpec

Heard = Lines | Lost | LauncherLine | LauncherExited

KEPT_LINES = 20
_EXCEPTION = re.compile(r"(?:\[rank\d+\]: )?((?:\w+\.)*\w*(?:Error|Exception|Interrupt)\b.*)")
"""The last line of a traceback, with or without torch's prefix."""
PROGRESS_EVERY = 2.0


class Attempt:
    """Reads `heard` until the ranks have all succeeded or one thing has gone wrong."""

    def __init__(self, spec: JobSpec, record: Record, heard: queue.Queue[Heard]) -> None:
        self._spec = spec
        self._record = record
        self._heard = heard
        self._succeeded = 0
        self._running = False
        self._last: dict[int, deque[str]] = defaultdict(lambda: deque(maxlen=KEPT_LINES))
        self._launcher_last: deque[str] = deque(maxlen=KEPT_LINES)

    def watch(self) -> Failure | None:
        """None once every rank has ended with 0."""
        due = time.monotonic() + PROGRESS_EVERY
        while True:
            try:
                message = self._heard.get(timeout=max(0.0, due - time.monotonic()))
            except queue.Empty:
                self._record.progress()
                due = time.monotonic() + PROGRESS_EVERY
                continue
            if isinstance(message, LauncherExited):
                return self._launcher_exited(message)
            if failure := self.hear(message):
                return failure
            if self._succeeded == self._spec.world_size:
                return None

    def drain(self) -> None:
        """What was still under way when the attempt ended: the ranks' last lines."""
        while True:
            try:
                self.hear(self._heard.get_nowait())
            except queue.Empty:
                return

    def complete(self, failure: Failure) -> Failure:
        """The failure with the last lines of whom it names, and the exception among them."""
        lines = self._launcher_last if failure.rank is None else self._last[failure.rank]
        exception = next((m[1] for line in reversed(lines) if (m := _EXCEPTION.match(line))), None)
        cause = f"{failure.cause}: {exception}" if exception else failure.cause
        return replace(failure, cause=cause, lines=tuple(lines))

    def hear(self, message: Heard) -> Failure | None:
        if isinstance(message, Lines):
            self._ranks_lines(message)
        elif isinstance(message, LauncherLine):
            return self._launcher_line(message.text)
        elif isinstance(message, Lost):
            return Failure(
                time.time(),
                f"the connection to node{message.node.index} ({message.node.host}) was lost: "
                f"{message.why}",
                node=message.node.index,
                fix="is the server up, is its network? run: dsk status",
            )
        return None

    def _ranks_lines(self, message: Lines) -> None:
        if not self._running:
            self._running = True
            self._record.tell(Phase(time.time(), "running", "the ranks are running"))
        for rank, line in message.lines:
            self._last[rank].append(line)
            self._record.tell(Output(time.time(), message.node.index, rank, line))

    def _launcher_line(self, text: str) -> Failure | None:
        hosts = {node.host: node for node in self._spec.nodes}
        host, line, fact = deepspeed.read_line(text, frozenset(hosts))
        node = hosts[host].index if host in hosts else None
        self._launcher_last.append(line)
        self._record.tell(Output(time.time(), node, None, line))
        if isinstance(fact, deepspeed.RankSucceeded):
            self._succeeded += 1
        elif isinstance(fact, deepspeed.RankFailed):
            return self._rank_failed(fact, hosts[fact.host])
        elif isinstance(fact, deepspeed.SessionEnded):
            return Failure(
                time.time(),
                f"DeepSpeed's launcher on {host if node is None else f'node{node}'} ended with "
                f"code {fact.code}",
                node=node,
                code=fact.code,
            )
        return None

    def _rank_failed(self, fact: deepspeed.RankFailed, node: JobNode) -> Failure:
        rank = (
            None
            if fact.local_rank is None
            else deepspeed.global_rank(self._spec.nodes, fact.host, fact.local_rank)
        )
        how = f"was ended by signal {-fact.code}" if fact.code < 0 else f"exited with {fact.code}"
        who = "a rank" if rank is None else f"rank {rank}"
        return Failure(
            time.time(),
            f"{who} on node{node.index} ({node.host}) {how}",
            node=node.index,
            rank=rank,
            code=fact.code,
        )

    def _launcher_exited(self, message: LauncherExited) -> Failure:
        return Failure(
            time.time(),
            f"DeepSpeed's runner ended with code {message.code} when "
            f"{self._succeeded} of {self._spec.world_size} ranks had succeeded",
            code=message.code,
        )

"""One job in this worker: its lock, its ranks, and what is told of them."""

from __future__ import annotations

import os
import shutil
import threading
import time
import traceback
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any

from dsk.agent import aftermath, figures, jobfolder, lock, processes, stacks, threads
from dsk.agent.figures import Figures
from dsk.agent.ranks import Ranks
from dsk.agent.session import Op
from dsk.agent.starter import ExecStarter, RankCommand
from dsk.agent.tail import RankLogs, Reader
from dsk.agent.warmstart import WarmStarter
from dsk.wire import paths, session
from dsk.wire.news import News, RankLines
from dsk.wire.report import NodeReport

POLL_S = 0.1
"""Between two looks for new lines while somebody waits for them."""
MOST_LINES = 500
"""Of one rank in one answer."""


class Job:
    """`ops` are wire.session's JOB_OPS, each of which may be asked while others are answered."""

    def __init__(self, workspace: str, job: str) -> None:
        self._workspace = workspace
        self._job = job
        self._lock: IO[str] | None = None
        self._changed = threading.Condition()
        self._ranks: Ranks | None = None
        self._logs: RankLogs | None = None
        self._ended = False
        self._starter = WarmStarter(ExecStarter())
        self._starting = threading.Lock()
        self._refuses = False
        self._report: NodeReport | None = None
        self._closing = threading.Lock()
        self.closed = threading.Event()
        self._figures = Figures(workspace, self.closed)
        self.ops: Mapping[str, Op] = {
            "lock": self._take_lock,
            "watch": self._watch,
            "start": self._start,
            "news": self._news,
            "stacks": lambda: stacks.stacks(self._pids()),
            "end": self._end,
            "close": self.close,
        }
        threading.Thread(target=self._look, daemon=True).start()

    def close(self) -> int:
        """Ends what the job has in this worker and gives up the lock; how many would not end."""
        with self._closing:
            if self.closed.is_set():
                return 0
            left = self._end() if self._lock else 0
            if self._lock:
                jobfolder.unlink(self._job)
                self._forget_progress()
                self._lock.close()
            self.closed.set()
            return left

    def _take_lock(self) -> str:
        try:
            self._lock = lock.take(self._job)
        except lock.Busy as busy:
            if not aftermath.take_over(busy.holder):
                raise
            self._lock = lock.take(self._job)
        return str(jobfolder.link(self._workspace, self._job))

    def _watch(self, attempt: int) -> None:
        """The ranks will be started by somebody else, who lets them write into files here."""
        self._begin()
        self._logs = RankLogs(self._folder(attempt))

    def _start(self, attempt: int, ranks: list[dict[str, Any]]) -> None:
        """Starts `ranks`, each with `rank`, `argv` and `env`. All or none: raises OSError."""
        self._begin()
        progress = partial(figures.progress, self._job)
        started = Ranks(self._folder(attempt), self._starter, self._changed, progress)
        self._ranks = started
        # This agent's own environment is the session's, with the node's network interface.
        base = {**os.environ, **threads.default(os.environ, len(ranks))}
        folder = Path(paths.LINKS)
        try:
            for each in ranks:
                env = {**base, **each["env"]}
                self._start_one(started, RankCommand(each["rank"], each["argv"], env, folder))
        except OSError:
            self._end()
            raise

    def _start_one(self, ranks: Ranks, command: RankCommand) -> None:
        # An end that comes meanwhile finds the rank, or keeps it from being started.
        with self._starting:
            if self._refuses:
                raise InterruptedError("the job was ended while its ranks were being started")
            ranks.start(command)

    def _begin(self) -> None:
        self._forget_progress()
        Path(paths.PROGRESS, self._job).mkdir(parents=True, exist_ok=True)
        self._ranks, self._logs, self._ended = None, None, False
        self._refuses = False

    def _forget_progress(self) -> None:
        shutil.rmtree(Path(paths.PROGRESS, self._job), ignore_errors=True)

    def _folder(self, attempt: int) -> Path:
        return Path(paths.rank_logs(paths.job_link(self._job), attempt))

    def _news(
        self, offsets: list[tuple[int, int]], exits: int, report: int, wait: float
    ) -> dict[str, Any]:
        """A wire News: lines from `offsets` (pairs of rank and offset; 0 where a rank is not
        named), exits where there are more than the `exits` known already, a report with a higher
        number than `report`. Waits up to `wait` seconds for any of it."""
        deadline = time.monotonic() + wait
        known = dict(offsets)
        with self._changed:
            while True:
                news = self._since(known, exits, report)
                if news.lines or news.exits or news.report or time.monotonic() >= deadline:
                    return news.to_raw()
                self._changed.wait(POLL_S)

    def _since(self, known: Mapping[int, int], exits: int, report: int) -> News:
        told = self._ranks.exits() if self._ranks else ()
        newest = self._report
        return News(
            tuple(self._lines(known)),
            told if len(told) > exits else (),
            newest if newest and newest.number > report else None,
        )

    def _lines(self, known: Mapping[int, int]) -> list[RankLines]:
        found = []
        for rank, read in sorted(self._readers().items()):
            offset = known.get(rank, 0)
            lines, following = read(offset, MOST_LINES)
            if following != offset:
                found.append(RankLines(rank, tuple(line.text for line in lines), following))
        return found

    def _readers(self) -> dict[int, Reader]:
        if self._ranks:
            return {rank: partial(self._ranks.lines, rank) for rank in self._ranks.pids()}
        if self._logs:
            return self._logs.readers(last=self._ended)
        return {}

    def _pids(self) -> dict[int, int | None]:
        if self._ranks:
            return self._ranks.pids()
        return dict(processes.ranks_of_job(self._job)) if self._logs else {}

    def _look(self) -> None:
        number = 0
        while not self.closed.wait(session.NEWS_WAIT_S):
            number += 1
            try:
                report = self._figures.report(number, self._job, self._pids())
            except Exception:
                # The next one may succeed; without any, all ranks would look as if they hung.
                traceback.print_exc()
                continue
            with self._changed:
                self._report = report
                self._changed.notify_all()

    def _end(self) -> int:
        """Ends the job's processes; how many would not end."""
        with self._starting:
            self._refuses = True
        left = processes.end(lambda: processes.of_job(self._job) | processes.descendants())
        self._ended = True
        return left

"""One job in this worker: its lock, its ranks, and what is told of them."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import IO

from dsk.agent import aftermath, figures, jobfolder, lock, processes, stacktraces, threads
from dsk.agent.figures import Figures
from dsk.agent.ranks import Ranks
from dsk.agent.refused import Refused
from dsk.agent.starter import ExecStarter, RankCommand
from dsk.agent.tail import RankLogs, Reader
from dsk.agent.warmstart import WarmStarter
from dsk.files import write_atomic
from dsk.text import Text
from dsk.wire import paths, session
from dsk.wire.figures import NodeFigures
from dsk.wire.news import BEFORE_ATTEMPTS, News, RankLines
from dsk.wire.operations import (
    AskNews,
    Close,
    ColdStart,
    EndRanks,
    RankStack,
    ReadStacks,
    RequestSave,
    StartRanks,
    TakeLock,
    WatchRanks,
)
from dsk.wire.request import Handlers
from dsk.wire.saving import SaveRequest

POLL_S = 0.1
"""Between two looks for new lines while somebody waits for them."""
MOST_LINES = 500
"""Of one rank in one answer."""


class Job:
    """`handlers` answer requests of wire.operations, also while others are answered."""

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
        self._attempt = BEFORE_ATTEMPTS
        self._refused = BEFORE_ATTEMPTS
        """Ranks of this attempt, and of those before it, are no longer started."""
        self._report: tuple[int, NodeFigures] | None = None
        self._reports = 0
        self._reporting = threading.Lock()
        self._closing = threading.Lock()
        self.closed = threading.Event()
        self._figures = Figures(workspace, self.closed)
        self.handlers: Handlers = {
            TakeLock: self.take_lock,
            StartRanks: self.start_ranks,
            WatchRanks: self.watch_ranks,
            AskNews: self.news,
            ReadStacks: self.read_stacks,
            RequestSave: self.request_save,
            EndRanks: self.end_ranks,
            Close: self.close,
        }
        threading.Thread(target=self._look, daemon=True).start()

    def close(self, _: Close) -> None:
        """Ends what the job has in this worker, and gives up the lock."""
        with self._closing:
            if self.closed.is_set():
                return
            if self._lock:
                self._end(sys.maxsize)
                jobfolder.unlink(self._job)
                self._forget_progress()
                self._lock.close()
                self._starter.close()
            self.closed.set()

    def take_lock(self, _: TakeLock) -> None:
        try:
            self._lock = lock.take(self._job)
        except lock.Busy as busy:
            if not aftermath.take_over(busy.holder):
                raise
            self._lock = lock.take(self._job)
        jobfolder.link(self._workspace, self._job)

    def watch_ranks(self, asked: WatchRanks) -> None:
        self._begin(asked.attempt)
        self._logs = RankLogs(self._folder(asked.attempt))

    def start_ranks(self, asked: StartRanks) -> tuple[ColdStart, ...]:
        """All or none: raises OSError, Refused."""
        attempt, ranks = asked.attempt, asked.ranks
        self._begin(attempt)
        progress = partial(figures.progress, self._job)
        started = Ranks(self._folder(attempt), self._starter, self._changed, progress)
        self._ranks = started
        # This agent's own environment is the session's, with the node's network interface.
        base = {**os.environ, **threads.default(os.environ, len(ranks))}
        folder = Path(paths.LINKS)
        cold = []
        try:
            for each in ranks:
                command = RankCommand(each.rank, each.argv, {**base, **each.env}, folder)
                if reason := self._start_one(started, attempt, command):
                    cold.append(ColdStart(each.rank, reason))
        except (OSError, Refused):
            self._end(attempt)
            raise
        return tuple(cold)

    def _start_one(self, ranks: Ranks, attempt: int, command: RankCommand) -> Text | None:
        # An end that comes meanwhile finds the rank, or keeps it from being started.
        with self._starting:
            if attempt <= self._refused:
                raise Refused(Text("the job was ended while its ranks were being started"))
            return ranks.start(command)

    def _begin(self, attempt: int) -> None:
        self._forget_progress()
        Path(paths.PROGRESS, self._job).mkdir(parents=True, exist_ok=True)
        with self._changed:
            self._ranks, self._logs, self._ended = None, None, False
            self._attempt = attempt
            # Whoever waits for news of the attempt before this one asks for this one's.
            self._changed.notify_all()

    def _forget_progress(self) -> None:
        shutil.rmtree(Path(paths.PROGRESS, self._job), ignore_errors=True)

    def _folder(self, attempt: int) -> Path:
        return Path(paths.rank_logs(paths.job_link(self._job), attempt))

    def news(self, asked: AskNews) -> News:
        """Waits for news as long as was asked, but not where a later attempt has begun."""
        deadline = time.monotonic() + asked.wait
        with self._changed:
            while True:
                news = self._since(asked)
                if news != News() or asked.attempt < self._attempt or time.monotonic() >= deadline:
                    return news
                self._changed.wait(POLL_S)

    def _since(self, asked: AskNews) -> News:
        if asked.attempt != self._attempt:
            return News()
        told = self._ranks.exits() if self._ranks else ()
        of, newest = self._report or (BEFORE_ATTEMPTS, None)
        return News(
            tuple(self._lines(dict(asked.offsets))),
            told if len(told) > asked.exits else (),
            newest if newest and newest.number > asked.report and of == asked.attempt else None,
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

    def read_stacks(self, _: ReadStacks) -> tuple[RankStack, ...]:
        return stacktraces.stacks(self._pids())

    def request_save(self, asked: RequestSave) -> bool:
        if asked.attempt != self._attempt:
            return False
        request = SaveRequest(asked.number)
        write_atomic(Path(paths.save_request(self._job)), request.to_json().encode())
        return True

    def _pids(self) -> dict[int, int | None]:
        if self._ranks:
            return self._ranks.pids()
        if not self._logs:
            return {}
        # Nobody tells this agent that another launcher's rank has ended, nor how far it came.
        ended = dict.fromkeys(figures.with_progress(self._job))
        return {**ended, **processes.ranks_of_job(self._job)}

    def _look(self) -> None:
        while not self.closed.wait(session.NEWS_WAIT_S):
            self._make_report()

    def _make_report(self) -> None:
        with self._reporting:
            self._reports += 1
            attempt = self._attempt
            try:
                report = self._figures.report(self._reports, self._job, self._pids())
            except Exception:
                # The next one may succeed; without any, all ranks would look as if they hung.
                traceback.print_exc()
                return
            with self._changed:
                self._report = (attempt, report)
                self._changed.notify_all()

    def end_ranks(self, asked: EndRanks) -> int:
        left = self._end(asked.attempt)
        if self._logs:
            # The supervisor asks once more and then no longer: the last report is older.
            self._make_report()
        return left

    def _end(self, attempt: int) -> int:
        """Ends the job's processes; how many would not end. No rank of this attempt, or of an
        earlier one, is started after that."""
        with self._starting:
            self._refused = max(self._refused, attempt)
        left = processes.end(lambda: processes.of_job(self._job) | processes.descendants())
        self._ended = True
        return left

"""One node of a job, asked for news without a pause; over new connections where one breaks.

Its limits are of dsk.awake: they count no time in which the supervisor itself could not ask.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from dsk import awake
from dsk.errors import DskError, JobFailed
from dsk.supervisor.heard import Heard, Lines, Lost, RankEnded, Reach, Reported
from dsk.supervisor.worker import AgentGone, AgentHangs, Worker
from dsk.text import Text, verbatim
from dsk.wire.news import BEFORE_ATTEMPTS, News
from dsk.wire.operations import AskNews
from dsk.wire.session import NEWS_WAIT_S, SILENT_LIMIT_S

ANSWER_LIMIT_S = NEWS_WAIT_S + 5.0
"""A link that was down for 5 s has been found again by TCP after that."""
LOGIN_LIMIT_S = 8.0
PAUSE_S = 0.3
GONE = Text("{node}: {error}")


class Watch:
    """Tells the attempt that runs what it hears, from a thread of its own, until `stop` or Lost."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self._guard = threading.Lock()
        self._attempt = BEFORE_ATTEMPTS
        self._listener: Callable[[Heard], None] = _nobody
        self._state: Reach | Lost | None = None
        """Which every attempt has to know."""
        self._offsets: dict[int, int] = {}
        self._exits = 0
        self._report = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def begin_attempt(self, number: int, listener: Callable[[Heard], None]) -> None:
        """Before the ranks of an attempt are started. From now on `listener` is told, and of this
        attempt only; it is told at once where the node is out of reach, or lost."""
        with self._guard:
            self._attempt, self._listener = number, listener
            self._offsets, self._exits = {}, 0
        if self._state:
            listener(self._state)

    def catch_up(self, limit: float) -> None:
        """Hands over all that the node has to report now, or as much as comes within `limit`
        seconds."""
        deadline = awake.now() + limit
        try:
            while not self.worker.lost and (left := deadline - awake.now()) > 0:
                if not self._ask(wait=0.0, limit=left):
                    return
        except DskError:
            return

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        try:
            self._ask_on()
        except Exception as error:
            # Without this thread nobody would know whether the node's ranks live.
            said = verbatim(f"{type(error).__name__}: {error}")
            found = JobFailed(said, fix=Text("report this as a bug of dsk"))
            self._lose(found, Text("{node} can no longer be watched by the supervisor ({error})"))

    def _ask_on(self) -> None:
        heard = awake.now()
        broken = False
        hangs: DskError | None = None
        while not self._stop.is_set():
            left = SILENT_LIMIT_S - (awake.now() - heard)
            try:
                if broken:
                    self._ask(wait=0.0, limit=min(LOGIN_LIMIT_S, max(left, 0.5)), again=True)
                else:
                    self._ask(wait=NEWS_WAIT_S, limit=ANSWER_LIMIT_S)
            except AgentGone as error:
                self._lose(error)
                return
            except DskError as error:
                if not broken:
                    self._tell_state(Reach(self.worker.node, error.told))
                broken = True
                if isinstance(error, AgentHangs):
                    hangs = error
                if awake.now() - heard > SILENT_LIMIT_S:
                    silent = Text("{node} was not heard for {limit:.0f} s ({error})")
                    self._lose(hangs or error, silent.filled(limit=SILENT_LIMIT_S))
                    return
                self._stop.wait(PAUSE_S)
            else:
                if broken:
                    self._tell_state(Reach(self.worker.node, None))
                heard, broken, hangs = awake.now(), False, None

    def _lose(self, error: DskError, why: Text = GONE) -> None:
        """`why`: what happened to the node before, or because of, the error."""
        self.worker.lost = True
        why = why.filled(node=self.worker.name, error=error.told)
        if not self._stop.is_set():
            self._tell_state(Lost(self.worker.node, why, error.remedy))

    def _tell_state(self, state: Reach | Lost) -> None:
        self._state = state
        self._listener(state)

    def _ask(self, *, wait: float, limit: float, again: bool = False) -> bool:
        """Whether there were lines. Raises DskError."""
        with self._guard:
            attempt, known, exits = self._attempt, dict(self._offsets), self._exits
        ask = self.worker.ask_again if again else self.worker.ask
        request = AskNews(attempt, tuple(known.items()), exits, self._report, wait)
        news = ask(request, limit=limit)
        with self._guard:
            if attempt == self._attempt:  # an answer about an earlier one may come late
                self._take(news, known)
        return bool(news.lines)

    def _take(self, news: News, known: dict[int, int]) -> None:
        """Two answers to one question, asked from two threads, count once."""
        node, now = self.worker.node, time.monotonic()
        for each in news.lines:
            if self._offsets.get(each.rank, 0) == known.get(each.rank, 0):
                self._offsets[each.rank] = each.next
                self._listener(Lines(node, tuple((each.rank, line) for line in each.lines)))
        for ended in news.exits[self._exits :]:
            at = now - ended.ago
            self._listener(
                RankEnded(node, ended.rank, ended.code, at, oom=ended.oom, progress=ended.progress)
            )
        self._exits = max(self._exits, len(news.exits))
        if news.report and news.report.number > self._report:
            self._report = news.report.number
            self._listener(Reported(node, time.time(), news.report))


def _nobody(_: Heard) -> None:
    """Before the first attempt."""

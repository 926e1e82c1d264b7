"""Why a job failed: its events, and what lies in the ranks' logs on the nodes beyond them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain

from dsk.diagnose import Diagnosis, Judge, Line, Place, load, of_events
from dsk.diagnose.lines import plain
from dsk.diagnose.prefixes import of_rank
from dsk.errors import DskError, UserError
from dsk.jobs import history, ranklogs
from dsk.jobs.runtime import Runtime
from dsk.jobs.states import LOST, STOPPED, JobState
from dsk.text import Text
from dsk.wire.events import Attempt, Event, Failure, Finished, Output

RECENT = 20_000
"""Lines of output that are kept while a job is followed; memory stays bounded."""


def failed_job(states: list[JobState], job: str | None) -> JobState:
    """Return the job named, or the newest that failed. A launch that was refused before any rank
    was started is chosen only if no other job failed, and a job that was stopped only if there is
    neither. Raises UserError."""
    if job is not None:
        found = next((each for each in states if each.status.job == job), None)
        if found is None:
            history.find([each.status for each in states], job)  # says which there are
        elif found.state == "succeeded":
            raise UserError(
                Text("job {job} succeeded: there is nothing to diagnose").filled(job=job)
            )
        else:
            return found
    failed = [each for each in states if each.state in ("failed", LOST)]
    ran = [each for each in failed if each.state == LOST or each.status.ran is not False]
    stopped = [each for each in states if each.state == STOPPED]
    chosen = ran or failed or stopped
    if not chosen:
        raise UserError(
            Text("no job of this cluster has failed"),
            fix=Text("name a job, or a file: dsk diagnose LOGFILE"),
        )
    return chosen[-1]


def diagnose(runtime: Runtime, job: str) -> tuple[Diagnosis, list[DskError]]:
    """With what could not be looked at. Raises DskError where the master cannot be asked."""
    judge, heard = Judge(load()), Heard()
    for events in _by_attempt(history.replay(runtime, job)):
        # An attempt that was followed by another one is not why the job failed.
        judge, heard = Judge(load()), Heard()
        for line in heard.watch(of_events(events)):
            judge.hear(line)
    # Containers that are servers have no engine to ask through: their events are all there is.
    logs, errors = ([], []) if runtime.cluster.in_place else ranklogs.tails(runtime.cluster, job)
    for line in heard.beyond(logs):
        judge.hear(line)
    return judge.diagnosis(), errors


def _by_attempt(events: Iterable[Event]) -> Iterator[Iterator[Event]]:
    """One iterator for what comes before the first attempt and for each attempt, in their order.
    Each is to be read to its end before the next one."""
    source = iter(events)
    begins: list[Event] = []
    goes_on = True

    def until_the_next() -> Iterator[Event]:
        nonlocal goes_on
        yield from begins
        begins.clear()
        for event in source:
            if isinstance(event, Attempt):
                begins.append(event)
                return
            yield event
        goes_on = False

    while goes_on:
        yield until_the_next()


class Recent:
    """A job's events while it is followed: what the supervisor said, and the last RECENT
    lines of output."""

    def __init__(self) -> None:
        self._told: list[tuple[int, Event]] = []
        self._output: deque[tuple[int, Event]] = deque(maxlen=RECENT)
        self._count = 0
        self.finished = False
        """Whether the job's last event was among them."""

    def watch(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            self._count += 1
            if isinstance(event, Attempt):  # what ended the one before has not ended the job
                self._told.clear()
                self._output.clear()
            elif isinstance(event, Output):
                self._output.append((self._count, event))
            elif isinstance(event, Failure):
                self._told.append((self._count, event))
            elif isinstance(event, Finished):
                self.finished = True
            yield event

    def diagnosis(self) -> Diagnosis:
        ordered = sorted(chain(self._told, self._output), key=lambda each: each[0])
        return Judge(load()).hear_all(of_events(event for _, event in ordered))


class Heard:
    """Which line of each rank the supervisor heard last."""

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}
        self._number = 0

    def watch(self, lines: Iterable[Line]) -> Iterator[Line]:
        for line in lines:
            self._number = line.number
            if line.place.rank is not None and not line.failed:
                self._texts[line.place.rank] = line.text
            yield line

    def beyond(self, logs: Iterable[ranklogs.RankLog]) -> Iterator[Line]:
        """What the nodes have and the supervisor never heard: it lost the connection, or left
        lines out."""
        for log in logs:
            place = Place(log.node.index, None, log.rank)
            texts = [of_rank(plain(text), place)[0] for text in log.lines]
            last = self._texts.get(log.rank)
            start = len(texts) - texts[::-1].index(last) if last in texts else 0
            for text in texts[start:]:
                self._number += 1
                yield Line(self._number, text, place)

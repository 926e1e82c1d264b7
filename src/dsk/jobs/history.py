"""What became of the jobs whose folders lie in the master's workspace."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from typing import Any

from dsk.cluster.model import Cluster
from dsk.connect import Server
from dsk.errors import JobFailed, UserError
from dsk.jobs import disk
from dsk.jobs.follow import Bookmark, events
from dsk.jobs.runtime import Runtime, Supervisor, out_of_hearing
from dsk.jobs.states import LOST, UNREADABLE, JobState
from dsk.jobs.wanted import Since
from dsk.text import Text, verbatim
from dsk.wire import paths
from dsk.wire.events import FINAL_STATES, Event, Finished, Notice, NoticeKind, Phase
from dsk.wire.position import ASKED_FOR
from dsk.wire.reading import read
from dsk.wire.status import JobStatus, UnreadableStatus
from dsk.wire.templates import read_text

STARTS_WITHIN_S = 60.0
"""From a job's start until its folder is there."""
LOOK_S = 0.5
LEFT_OVER: tuple[NoticeKind, ...] = ("left_over", "untyped")
"""An older supervisor does not say what a notice is about: of that, all that it said counts."""


def statuses(runtime: Runtime) -> list[JobStatus]:
    """Every job of this cluster, the oldest first, as its supervisor last wrote it."""
    return [status for status, _ in _written(runtime)]


def _written(runtime: Runtime) -> list[tuple[JobStatus, float]]:
    """With the seconds since each was written."""
    text = runtime.output_of(["dsk-agent", "jobs", "--workspace", str(runtime.cluster.workspace)])
    return _own(runtime.cluster, json.loads(text))


def _own(cluster: Cluster, found: Iterable[Any]) -> list[tuple[JobStatus, float]]:
    """Without jobs of other clusters in the same workspace."""
    read = [(_status(raw), _age(raw)) for raw in found]
    return [
        (status, age)
        for status, age in read
        if isinstance(status, UnreadableStatus) or status.cluster == cluster.name
    ]


def _age(raw: Any) -> float:
    """An older image's agent does not report it: then by this machine's clock."""
    raw = raw if isinstance(raw, dict) else {}
    age, updated = raw.get("age"), raw.get("updated")
    if isinstance(age, int | float):
        return float(age)
    return max(0.0, time.time() - updated) if isinstance(updated, int | float) else 0.0


def _status(raw: Any) -> JobStatus:
    """Of the agent's answer, which may be of another version of dsk."""
    raw = raw if isinstance(raw, dict) else {}
    try:
        if "problem" not in raw:
            return read(JobStatus, raw)
        problem = read_text(raw["problem"], "problem")
    except ValueError as error:
        problem = verbatim(str(error))
    at = next((raw[key] for key in ("at", "started") if type(raw.get(key)) in (int, float)), 0.0)
    text = Text("{problem}; another version of dsk may have written it").filled(problem=problem)
    return UnreadableStatus.of(str(raw.get("job", "?")), at, text)


def states(runtime: Runtime) -> list[JobState]:
    """The same, compared with what really runs."""
    return _compared(runtime, _written(runtime))


def states_on_disk(runtime: Runtime, server: Server) -> list[JobState]:
    """The same where the master's worker does not run, as after `dsk down`: read by its `server`.
    Raises DskError where the folder of the jobs cannot be read."""
    return _compared(runtime, _own(runtime.cluster, disk.statuses(server, runtime.cluster)))


def _compared(runtime: Runtime, written: list[tuple[JobStatus, float]]) -> list[JobState]:
    alive = {supervisor.job for supervisor in runtime.running()}
    return [
        JobState(status, _state(status, runs=status.job in alive), age) for status, age in written
    ]


def _state(status: JobStatus, *, runs: bool) -> str:
    if isinstance(status, UnreadableStatus):
        return UNREADABLE
    return status.state if status.state in FINAL_STATES or runs else LOST


def find(statuses: list[JobStatus], job: str | None) -> JobStatus:
    """The job named, or the newest. Raises UserError."""
    if not statuses:
        raise UserError(
            Text("no job has run on this cluster yet"), fix=Text("dsk launch train.yaml")
        )
    if job is None:
        readable = [each for each in statuses if not isinstance(each, UnreadableStatus)]
        return (readable or statuses)[-1]
    found = [status for status in statuses if status.job == job]
    if not found:
        known = ", ".join(status.job for status in statuses[-5:])
        raise UserError(
            Text("there is no job {job}").filled(job=job),
            fix=Text("use one of the newest: {known}").filled(known=known),
        )
    return found[0]


def _newest_alive(statuses: list[JobStatus], running: set[str]) -> str | None:
    """A launch that was refused beside it is newer, and not the one that is meant."""
    unfinished = [each.job for each in statuses if each.state not in FINAL_STATES]
    return next((job for job in reversed(unfinished) if job in running), None)


def _is_trial(supervisor: Supervisor) -> bool:
    """One that dsk starts to try the nodes is no job that anybody asks for: its folder is among
    the trials, and no status is looked for there."""
    return paths.is_trial(supervisor.job)


def find_or_await(runtime: Runtime, job: str | None) -> JobStatus:
    """As `find`, but one that runs goes before those that have ended, and one that is just being
    started is waited for. Raises UserError, JobFailed where it comes to nothing."""
    deadline = time.monotonic() + STARTS_WITHIN_S
    awaited: set[str] = set()
    while True:
        running = {supervisor.job for supervisor in runtime.running() if not _is_trial(supervisor)}
        known = statuses(runtime)
        written = {status.job for status in known}
        starting = {each for each in running - written if job in (None, each)}
        if gone := awaited - written - running:
            raise JobFailed(
                Text("job {job} ended before its folder was created").filled(job=gone.pop()),
                fix=Text("dsk launch without --detach shows why"),
            )
        if not starting or time.monotonic() > deadline:
            return find(known, job or _newest_alive(known, running))
        awaited = starting
        time.sleep(LOOK_S)


def replay(
    runtime: Runtime, job: str, *, follow: bool = False, since: Since | None = None
) -> Iterator[Event]:
    """The events of one job from its folder; with `follow` until its supervisor has ended,
    asking for the rest as often as an answer ends before that."""
    with out_of_hearing(job) if follow else nullcontext():
        yield from _answers(runtime, job, since, follow=follow)


def _answers(runtime: Runtime, job: str, since: Since | None, *, follow: bool) -> Iterator[Event]:
    words = _since_words(since)
    bookmark = Bookmark()
    passed = 0.0
    while True:
        last = passed
        for event in events(runtime.stream(_words(runtime, job, words, follow=follow)), bookmark):
            if bookmark.position is None and event.at and event.at <= passed:
                continue
            last = max(last, event.at)
            yield event
            if isinstance(event, Finished):
                return
        if not follow or job not in {supervisor.job for supervisor in runtime.running()}:
            return
        passed = last
        if bookmark.position:
            words = ["--after", str(bookmark.position)]
        elif passed:  # an older image's agent, which knows no positions
            words = _since_words(Since(at=passed))
        time.sleep(LOOK_S)


def left_over(runtime: Runtime, job: str, since: Since) -> list[Text]:
    """What a job that was ending `since` then left on the nodes, in its supervisor's words. Raises
    JobFailed where that did not live to say so."""
    left: list[Text] = []
    for event in replay(runtime, job, since=since):
        if isinstance(event, Phase):
            left.clear()
        elif isinstance(event, Notice) and event.kind in LEFT_OVER:
            left.append(event.text)
        elif isinstance(event, Finished):
            return left
    raise gone(job)


def gone(job: str) -> JobFailed:
    return JobFailed(
        Text("its supervisor exited without reporting a result"),
        where=Text("job {job}").filled(job=job),
        fix=Text("the workers stop the remaining ranks by themselves; see dsk status"),
    )


def _words(runtime: Runtime, job: str, more: list[str], *, follow: bool) -> list[str]:
    words = ["dsk-agent", "logs", "--workspace", str(runtime.cluster.workspace), *more]
    return ["env", f"{ASKED_FOR}=1", *words, "--follow", job] if follow else [*words, job]


def _since_words(since: Since | None) -> list[str]:
    if since is None:
        return []
    return ["--ago", str(since.ago)] if since.at is None else ["--since", repr(since.at)]

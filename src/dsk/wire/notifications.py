"""Which of a job's events are sent to people, and what they say: one table, ROWS. Pure.

A new kind of notification is one more row. Its name is what `events` in dsk.yaml selects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from dsk.text import Text, verbatim
from dsk.wire.events import Attempt, Event, Failure, Finished, Notice, NoticeKind, State

SHOWN_LINES = 5
MINUTE, HOUR = 60, 3600
_CAUSE = Text("cause: {cause}")
_FIX = Text("fix: {fix}")
_AFTER = Text("after {time}")
_OUTPUT = Text("output: {folder}")
_RESUMES = Text("resumes from {folder}")
_FROM_START = Text("starts from the beginning")
_RANKS_ON = Text("nodes: {nodes}")

E = TypeVar("E", bound=Event)


@dataclass(frozen=True)
class Heard:
    """An event with the last failure that was reported before it."""

    event: Event
    failure: Failure | None = None


@dataclass(frozen=True)
class Row:
    """`title` has the fields `job` and `cluster`. `lines` are what follows it. Of messages of one
    name, at most one is sent within `every_s` seconds."""

    name: str
    title: Text
    matches: Callable[[Event], bool]
    lines: Callable[[Heard], Iterator[Text]]
    about: Callable[[Heard], Failure | Notice | None] = field(default=lambda _: None)
    """The event that has the node, the rank and the cause."""
    every_s: float = 0.0


def row_of(event: Event) -> Row | None:
    """Return the row of an event that is sent to people, None for any other event."""
    return next((row for row in ROWS if row.matches(event)), None)


def _notice(kind: NoticeKind) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, Notice) and event.kind == kind


def _attempt(*, first: bool) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, Attempt) and (event.number == 0) == first


def _finished(state: State) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, Finished) and event.state == state


def _begin(heard: Heard) -> Iterator[Text]:
    event = _of(Attempt, heard)
    if event.number and heard.failure:
        yield _CAUSE.filled(cause=heard.failure.cause)
    yield _RANKS_ON.filled(nodes=", ".join(f"node{index}" for index in event.nodes))
    yield _RESUMES.filled(folder=event.resume_from) if event.resume_from else _FROM_START


def _end(heard: Heard) -> Iterator[Text]:
    event = _of(Finished, heard)
    yield _AFTER.filled(time=duration(event.seconds))
    yield _OUTPUT.filled(folder=event.output_dir)


def _failed(heard: Heard) -> Iterator[Text]:
    yield _AFTER.filled(time=duration(_of(Finished, heard).seconds))
    if not (failure := heard.failure):
        return
    yield _CAUSE.filled(cause=failure.cause)
    if failure.fix:
        yield _FIX.filled(fix=failure.fix)
    for line in failure.lines[-SHOWN_LINES:]:
        yield verbatim(f"| {line}")


def _said(heard: Heard) -> Iterator[Text]:
    yield _of(Notice, heard).text


def _last_failure(heard: Heard) -> Failure | None:
    return heard.failure


def _itself(heard: Heard) -> Notice:
    return _of(Notice, heard)


def _of(kind: type[E], heard: Heard) -> E:
    assert isinstance(heard.event, kind)  # noqa: S101 - the row has matched it
    return heard.event


ROWS = (
    Row("started", Text("dsk: job {job} on {cluster} has started"), _attempt(first=True), _begin),
    Row(
        "restarted", Text("dsk: job {job} on {cluster} is being restarted"),
        _attempt(first=False), _begin, _last_failure,
    ),
    Row("ended", Text("dsk: job {job} on {cluster} has succeeded"), _finished("succeeded"), _end),
    Row("ended", Text("dsk: job {job} on {cluster} was stopped"), _finished("stopped"), _end),
    Row(
        "failed", Text("dsk: job {job} on {cluster} has failed"),
        _finished("failed"), _failed, _last_failure,
    ),
    Row(
        "stalled", Text("dsk: job {job} on {cluster} makes no progress"),
        _notice("stalled"), _said, _itself,
    ),
    Row(
        "disk_low", Text("dsk: a disk of job {job} on {cluster} is nearly full"),
        _notice("disk_low"), _said, _itself, every_s=HOUR,
    ),
)  # fmt: skip
EVENTS: tuple[str, ...] = tuple(dict.fromkeys(row.name for row in ROWS))


def duration(seconds: float) -> str:
    """`42 s`, `3 min 20 s`, `26 h 5 min`."""
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"

"""Phases, attempts and events of a job on one time axis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from dsk.report.goodput import Account, Span
from dsk.report.record import JobRecord
from dsk.text import Text, verbatim
from dsk.wire import words
from dsk.wire.events import (
    Accepted,
    Attempt,
    Event,
    Exited,
    Failure,
    Finished,
    Notice,
    Phase,
)

MOST_SPANS = 400
_TICKS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 43200)
_DAY = 86400
MOST_TICKS = 6

_KINDS = {
    Phase: Text("phase"),
    Accepted: Text("accepted"),
    Attempt: Text("attempt"),
    Notice: Text("notice"),
    Exited: Text("exited"),
    Failure: Text("failure"),
    Finished: Text("finished"),
}


@dataclass(frozen=True)
class Entry:
    """An event for people; `serious` where something went wrong."""

    at: float
    kind: Text
    text: Text
    node: int | None = None
    rank: int | None = None
    serious: bool = False
    marked: bool = False
    """Whether it is on the axis too."""


def entries(events: Sequence[Event]) -> Iterator[Entry]:
    for event in events:
        if found := _entry(event):
            yield found


def _entry(event: Event) -> Entry | None:
    kind = _KINDS.get(type(event))
    if kind is None:
        return None
    text, node, rank, serious, marked = verbatim(""), None, None, False, False
    if isinstance(event, Phase):
        state = words.state(event.state)
        text = Text("{state}: {text}").filled(state=state, text=event.text)
    elif isinstance(event, Accepted):
        text = Text("the workers are connected and locked for the job")
    elif isinstance(event, Attempt):
        text, marked = _attempt(event), True
    elif isinstance(event, Notice):
        text, node = event.text, event.node
        marked = event.kind not in ("change", "workspace", "cold_start", "models")
    elif isinstance(event, Exited):
        text = _exited(event)
        node, rank, marked = event.node, event.rank, event.code != 0
        serious = marked
    elif isinstance(event, Failure):
        text, node, rank = event.cause, event.node, event.rank
        serious = marked = True
    elif isinstance(event, Finished):
        state = words.state(event.state)
        text = Text("{state}, exit code {code}").filled(state=state, code=event.exit_code)
    return Entry(event.at, kind, text, node, rank, serious=serious, marked=marked)


def _attempt(event: Attempt) -> Text:
    nodes = ", ".join(f"node{node}" for node in event.nodes)
    if event.resume_from:
        text = Text("attempt {number} on {nodes}, resumed from {folder}")
        return text.filled(number=event.number + 1, nodes=nodes, folder=event.resume_from)
    text = Text("attempt {number} on {nodes}, from the beginning")
    return text.filled(number=event.number + 1, nodes=nodes)


def _exited(event: Exited) -> Text:
    if event.signal:
        return Text("killed by {signal}").filled(signal=event.signal)
    return Text("exit code {code}").filled(code=event.code)


def visible_spans(account: Account) -> list[Span]:
    """Of many spans, what takes the most time in each of MOST_SPANS pieces of the axis."""
    if len(account.spans) <= MOST_SPANS:
        return list(account.spans)
    width = account.seconds / MOST_SPANS
    rest = list(reversed(account.spans))
    found: list[Span] = []
    for number in range(MOST_SPANS):
        begin, end = account.begin + number * width, account.begin + (number + 1) * width
        longest = (0.0, rest[-1])
        while rest:
            span = rest[-1]
            inside = min(span.end, end) - max(span.begin, begin)
            longest = max(longest, (inside, span), key=lambda each: each[0])
            if span.end > end:
                break
            rest.pop()
        span = longest[1]
        if found and (found[-1].part, found[-1].attempt) == (span.part, span.attempt):
            found[-1] = replace(found[-1], end=end)
        else:
            found.append(replace(span, begin=begin, end=end))
        if not rest:
            break
    return found


def attempts(record: JobRecord, account: Account) -> Iterator[tuple[int, float, float]]:
    """Number, begin and end of each, from its first to its last moment."""
    for number in sorted({span.attempt for span in account.spans if span.attempt is not None}):
        own = [span for span in account.spans if span.attempt == number]
        started = next((each.at for each in record.attempts if each.number == number), own[0].begin)
        yield number, max(started, account.begin), own[-1].end


def ticks(seconds: float) -> list[float]:
    """Round numbers from 0 on."""
    if seconds <= 0:
        return [0.0]
    every = next((each for each in _TICKS if seconds / each <= MOST_TICKS), None)
    if every is None:
        every = math.ceil(seconds / MOST_TICKS / _DAY) * _DAY
    return [float(n * every) for n in range(int(seconds / every) + 1)]

"""Where a job's time went: the share in steps that count, and each other part. docs/report.md.

Computed from the events alone. Every moment from the first event to the last belongs to one part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from dsk.wire.events import Attempt, Event, Exited, Failure, Finished, Phase, Step

Part = Literal["steps", "start", "load", "evaluation", "save", "lost", "restart", "stall", "end"]
PARTS: tuple[Part, ...] = get_args(Part)

STALL_FACTOR = 5.0
"""A step that takes so many times the job's median step, and STALL_S at least, has stalled: what
is beyond the median is no step."""
STALL_S = 30.0
_CHECKPOINT = re.compile(r"checkpoint-(\d+)/*$")
_OF_RANKS: dict[str, Part] = {
    "loading": "load",
    "tokenizing": "load",
    "training": "steps",
    "evaluating": "evaluation",
    "saving": "save",
    "ending": "end",
}


@dataclass(frozen=True)
class Span:
    """A part of the time, in seconds since the epoch. `attempt` is None before the first. `step`
    is the last one that was known to be done when the span began."""

    part: Part
    begin: float
    end: float
    attempt: int | None = None
    step: int | None = None

    @property
    def seconds(self) -> float:
        return self.end - self.begin


@dataclass(frozen=True)
class Account:
    """`spans` follow each other without gaps. `counted` are the steps that count, `lost` those that
    were done and that a later attempt had to repeat."""

    begin: float
    end: float
    spans: tuple[Span, ...]
    counted: int
    lost: int

    @property
    def seconds(self) -> float:
        return self.end - self.begin

    def of(self, part: Part) -> float:
        """Seconds."""
        return sum(span.seconds for span in self.spans if span.part == part)

    @property
    def goodput(self) -> float | None:
        """From 0 to 1; None where no time has passed."""
        return self.of("steps") / self.seconds if self.seconds > 0 else None

    def percents(self) -> dict[Part, float]:
        """Of each part with one decimal; together exactly 100.0 where time has passed."""
        if self.seconds <= 0:
            return dict.fromkeys(PARTS, 0.0)
        exact = {part: 1000 * self.of(part) / self.seconds for part in PARTS}
        tenths = {part: int(share) for part, share in exact.items()}
        # What is missing goes to those that rounding down cost most.
        by_rest = sorted(PARTS, key=lambda part: tenths[part] - exact[part])
        for part in by_rest[: 1000 - sum(tenths.values())]:
            tenths[part] += 1
        return {part: tenths[part] / 10 for part in PARTS}


def account(events: Sequence[Event], until: float) -> Account:
    """`until`: how far the job is known, where it has not finished. A clock that was set back
    does not move in the result until it has caught up."""
    marks = list(_marks(events))
    if not marks:
        return Account(until, until, (), 0, 0)
    if not isinstance(marks[-1], Finished):
        until = max(until, marks[-1].at)
        ended = False
    else:
        until, ended = marks[-1].at, True
    spans = list(_rough(marks, until))
    begins = _begins(marks)
    kept = _kept(begins)
    last = max((each.attempt for each in spans if each.attempt is not None), default=0)
    exact = _Exact(spans, kept, last, ended=ended)
    fine = tuple(_joined(part for span in spans for part in exact.parts(span)))
    counted, lost = _steps_done(marks, begins, kept)
    return Account(marks[0].at, until, fine, counted, lost)


@dataclass(frozen=True)
class _Rough(Span):
    """`to`: the step at the end; `open`: the attempt ended, or the job is not known any further,
    before the ranks said more."""

    to: int | None = None
    open: bool = False


def _marks(events: Sequence[Event]) -> Iterator[Event]:
    """The events that say what the job does, with times that never go back."""
    now = 0.0
    for event in events:
        said = isinstance(event, Phase | Attempt | Step | Failure | Finished)
        if said or (isinstance(event, Exited) and event.code != 0):
            now = max(now, event.at)
            yield replace(event, at=now)


def _rough(marks: Sequence[Event], until: float) -> Iterator[_Rough]:
    """What the job does from one mark to the next."""
    part: Part = "start"
    attempt: int | None = None
    step: int | None = None
    failing = False
    for number, mark in enumerate(marks):
        if isinstance(mark, Attempt):
            attempt, step, failing, part = mark.number, None, False, "start"
        elif isinstance(mark, Failure | Exited) or (
            isinstance(mark, Phase) and mark.state == "stopping"
        ):
            failing, part = attempt is not None, "end"
        elif isinstance(mark, Phase) and mark.state == "starting":
            part = "end" if failing else "start"
        elif isinstance(mark, Phase) and mark.state == "running" and part == "start":
            part = "load"
        elif isinstance(mark, Step):
            step = mark.step if mark.step is not None else step
            if not failing:
                part = _OF_RANKS.get(mark.phase, part)
        following = marks[number + 1] if number + 1 < len(marks) else None
        end = following.at if following else until
        to = _next_step(marks[number + 1 :]) if part == "steps" else None
        is_open = part == "steps" and not isinstance(following, Step)
        yield _Rough(part, mark.at, end, attempt, step, to=to, open=is_open)


def _next_step(marks: Sequence[Event]) -> int | None:
    """The last step of a rank that fails is reported after the failure."""
    for mark in marks:
        if isinstance(mark, Attempt):
            return None
        if isinstance(mark, Step) and mark.step is not None:
            return mark.step
    return None


def _begins(marks: Sequence[Event]) -> dict[int, int]:
    """By attempt: the step from which it goes on; without attempts whose step is not known."""
    begins: dict[int, int] = {}
    attempt: Attempt | None = None
    for mark in marks:
        if isinstance(mark, Attempt):
            attempt = mark
            named = _CHECKPOINT.search(mark.resume_from or "")
            if named or not mark.resume_from:
                begins[mark.number] = int(named[1]) if named else 0
        elif isinstance(mark, Step) and mark.phase == "training" and attempt and mark.step:
            begins.setdefault(attempt.number, mark.step)
    return begins


def _kept(begins: dict[int, int]) -> dict[int, int]:
    """By attempt: the step up to which its steps count, since a later attempt begins there."""
    found = {}
    for number in range(max(begins, default=0)):
        if later := [begin for other, begin in begins.items() if other > number]:
            found[number] = min(later)
    return found


def _steps_done(
    marks: Sequence[Event], begins: dict[int, int], kept: dict[int, int]
) -> tuple[int, int]:
    """How many steps count, and how many do not."""
    reached: dict[int, int] = {}
    attempt = 0
    for mark in marks:
        if isinstance(mark, Attempt):
            attempt = mark.number
        elif isinstance(mark, Step) and mark.step is not None:
            reached[attempt] = max(reached.get(attempt, 0), mark.step)
    counted = lost = 0
    for number, step in reached.items():
        begin = begins.get(number, 0)
        done = max(0, step - begin)
        good = max(0, min(step, kept.get(number, step)) - begin)
        counted += good
        lost += done - good
    return counted, lost


class _Exact:
    """Divides the time of steps into those that count, those that were lost, and stalls."""

    def __init__(
        self, spans: Sequence[_Rough], kept: dict[int, int], last: int, *, ended: bool
    ) -> None:
        self._kept = kept
        self._last = last
        self._ended = ended
        self._median = _median_step(spans)

    def parts(self, span: _Rough) -> Iterator[Span]:
        superseded = span.attempt is not None and span.attempt < self._last
        again = span.attempt is not None and span.attempt > 0
        if span.part == "steps":
            yield from self._steps(span, superseded=superseded)
        elif span.part in ("evaluation", "save"):
            yield self._as(span, "lost" if self._repeated(span) else span.part)
        elif (span.part == "end" and superseded) or (span.part in ("start", "load") and again):
            yield self._as(span, "restart")
        else:
            yield self._as(span, span.part)

    def _repeated(self, span: _Rough) -> bool:
        """Whether a later attempt does the step again after which this was done."""
        kept = self._kept.get(span.attempt or 0)
        return kept is not None and (span.step or 0) > kept

    def _steps(self, span: _Rough, *, superseded: bool) -> Iterator[Span]:
        done = max(0, (span.to or 0) - (span.step or 0)) if span.to is not None else 0
        kept = self._kept.get(span.attempt or 0)
        good = done
        if kept is not None:
            good = max(0, min(span.to or 0, kept) - (span.step or 0)) if done else 0
        busy = self._busy(span.seconds, done)
        if done:
            middle = span.begin + busy * good / done
        else:
            # A step that was under way: nothing comes of it where the attempt has ended.
            gone = superseded or (span.open and self._ended)
            middle = span.begin if gone else span.begin + busy
        yield Span("steps", span.begin, middle, span.attempt, span.step)
        yield Span("lost", middle, span.begin + busy, span.attempt, span.step)
        yield Span("stall", span.begin + busy, span.end, span.attempt, span.step)

    def _busy(self, seconds: float, done: int) -> float:
        """Of the seconds those in which steps were done."""
        median = self._median or 0.0
        if seconds <= max(STALL_S, STALL_FACTOR * median * max(done, 1)):
            return seconds
        return min(seconds, median * max(done, 1))

    @staticmethod
    def _as(span: _Rough, part: Part) -> Span:
        return Span(part, span.begin, span.end, span.attempt, span.step)


def _median_step(spans: Sequence[_Rough]) -> float | None:
    """Seconds; each step counts once, with the mean of the steps that were reported together."""
    means = sorted(
        (span.seconds / done, done)
        for span in spans
        if span.part == "steps" and span.to is not None and (done := span.to - (span.step or 0)) > 0
    )
    half = sum(done for _, done in means) / 2
    for mean, done in means:
        half -= done
        if half <= 0:
            return mean
    return None


def _joined(spans: Iterator[Span]) -> Iterator[Span]:
    """Without empty ones; those that follow each other and are alike as one."""
    last: Span | None = None
    for span in spans:
        if span.seconds <= 0:
            continue
        if last and (last.part, last.attempt) == (span.part, span.attempt):
            last = replace(last, end=span.end)
            continue
        if last:
            yield last
        last = span
    if last:
        yield last

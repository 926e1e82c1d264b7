"""A diagnosis as text: in full, and the few lines that `dsk launch` ends with."""

from __future__ import annotations

import time

import click

from dsk.cli.overview import duration
from dsk.diagnose import Diagnosis, Line, Place
from dsk.text import Language, Text
from dsk.wire.status import JobStatus

CAUSE = Text("cause")
FIX = Text("fix")
NOT_PROVED = Text("not proved")
SEE = Text("see")
MORE = Text("more")
ALSO = Text("seen as well")
SECOND_HAND = Text("caused by it")
UNKNOWN = Text("not known to dsk; the first error that was raised")
NOTHING = Text("not known to dsk, and no rank printed a traceback")
ONLY_SECOND_HAND = Text("not seen: these are only what other ranks say when one has failed")
ALL_LOGS = Text("the logs of all nodes are needed; the cause is the earliest error of another kind")
STOPPED = Text(
    "stopped by a user at {at}, {after} after its start (dsk stop, or Ctrl-C in dsk launch); "
    "nothing failed"
)
STOPPED_AT_LIMIT = Text("stopped at {at} by its time limit of {limit}; nothing failed")
STOPPED_SAVED = Text(
    "stopped at {at}, {after} after its start, with a checkpoint saved at step {step} on request "
    "(dsk stop --save, or its time limit); nothing failed"
)
LINE = Text("line {number}")


def stopped(status: JobStatus, language: Language) -> str:
    """Tell when a job was stopped. Who did it is not recorded."""
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(status.updated))
    after = duration(status.updated - status.started)
    if status.saved_step is not None:
        text = STOPPED_SAVED.filled(at=at, after=after, step=status.saved_step)
    elif status.time_limit is not None and status.updated - status.started >= status.time_limit:
        text = STOPPED_AT_LIMIT.filled(at=at, limit=duration(status.time_limit))
    else:
        text = STOPPED.filled(at=at, after=after)
    return text.in_language(language)


def short(diagnosis: Diagnosis, job: str, language: Language) -> str:
    """A few lines below the supervisor's own words; nothing is told twice."""
    lines = []
    if diagnosis.first:
        found = diagnosis.first
        lines.append(_named(CAUSE, found.cause.in_language(language), language))
        lines.append(_named(FIX, found.fix.in_language(language), language))
    lines.append(_named(MORE, f"dsk diagnose {job}", language))
    return "\n".join(lines)


def full(diagnosis: Diagnosis, language: Language) -> str:
    parts = [_cause(diagnosis, language)]
    for other in diagnosis.others:
        parts.append(
            _named(ALSO, other.cause.in_language(language), language)
            + "\n"
            + _evidence(other.lines[:1], language)
            + f"\n  {other.fix.in_language(language)}"
        )
    if diagnosis.first and diagnosis.second_hand:
        names = ", ".join(each.entry.id for each in diagnosis.second_hand)
        parts.append(_named(SECOND_HAND, names, language))
    return "\n".join(parts)


def _cause(diagnosis: Diagnosis, language: Language) -> str:
    if diagnosis.cause and diagnosis.fix:
        lines = [
            _named(CAUSE, diagnosis.cause.in_language(language), language),
            _evidence(diagnosis.evidence, language),
            _named(FIX, diagnosis.fix.in_language(language), language),
        ]
        if diagnosis.first:
            open_yet = diagnosis.first.entry.not_proved.in_language(language)
            lines.append(_named(NOT_PROVED, open_yet, language))
        issues = diagnosis.first.entry.issues if diagnosis.first else ()
        return "\n".join([*lines, *(_named(SEE, issue, language) for issue in issues)])
    if diagnosis.crash:
        where = _place(diagnosis.crash.first, language)
        title = f"{UNKNOWN.in_language(language)} ({where})"
        return "\n".join(
            [_named(CAUSE, title, language), *(f"  | {line}" for line in diagnosis.crash.lines)]
        )
    if diagnosis.second_hand:
        lines = [_named(CAUSE, ONLY_SECOND_HAND.in_language(language), language)]
        for each in diagnosis.second_hand:
            lines.append(f"  {each.cause.in_language(language)}")
            lines.append(_evidence(each.lines, language))
        return "\n".join([*lines, _named(FIX, ALL_LOGS.in_language(language), language)])
    said = f"\n  | {_said(diagnosis.said, language)}" if diagnosis.said else ""
    return _named(CAUSE, NOTHING.in_language(language), language) + said


def _named(name: Text, text: str, language: Language) -> str:
    return f"{click.style(f'{name.in_language(language)}:', bold=True)} {text}"


def _evidence(lines: tuple[Line, ...], language: Language) -> str:
    return "\n".join(f"  {_place(line, language)}  | {_said(line, language)}" for line in lines)


def _said(line: Line, language: Language) -> str:
    return (line.told.in_language(language) if line.told else line.text).strip()


def _place(line: Line, language: Language) -> str:
    """Who said it, and when by the supervisor's clock; of a pasted log in which line."""
    parts = [_who(line.place)] if line.place != Place() else []
    if line.at is None:
        parts.append(LINE.filled(number=line.number).in_language(language))
    else:
        parts.append(time.strftime("%H:%M:%S", time.localtime(line.at)))
    return " ".join(parts)


def _who(place: Place) -> str:
    names = [f"node{place.node}"] if place.node is not None else []
    names += [place.host] if place.host else []
    return " ".join([*names, *([f"rank {place.rank}"] if place.rank is not None else [])])

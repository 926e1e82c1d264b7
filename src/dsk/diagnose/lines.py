"""Lines of a job's events or of a log that somebody pasted, with who printed each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

from dsk.wire.events import Event, Failure, Output

MAX_LINE = 16 << 10
"""Bytes that are kept of a line: what tells something is never longer."""
CHUNK = 1 << 20

_SEPARATOR = re.compile(rb"[\r\n]+")
_COLOR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\].*?(?:\x07|\x1b\\)")
_DSK = re.compile(r"\[(?:node(?P<node>\d+)(?: rank (?P<rank>\d+))?|master) *\] ?")
_RANK = re.compile(r"\[(?:rank|default)(?P<rank>\d+)\]: ?|\[\d+,(?P<mpi>\d+)\]<std(?:out|err)>: ?")
_HOST = re.compile(r"(?P<host>[\w.-]+): ")
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_LAUNCH = re.compile(r"\[[^\]]+\] \[\w+\] \[launch\.py:")


@dataclass(frozen=True)
class Place:
    """Who printed a line. `node` is the index in dsk.yaml, `host` what a pasted log calls it."""

    node: int | None = None
    host: str | None = None
    rank: int | None = None


@dataclass(frozen=True)
class Line:
    """`number` is its place in the log, from 1; `at` the supervisor's clock, None in a pasted
    log. `failed` marks the supervisor's own word on the failure, `fix` what it says to do."""

    number: int
    text: str
    place: Place
    at: float | None = None
    failed: bool = False
    fix: str | None = None


def of_events(events: Iterable[Event]) -> Iterator[Line]:
    """What was printed, and what the supervisor said of a failure, in its own order."""
    for number, event in enumerate(events, start=1):
        if isinstance(event, Output):
            place = Place(event.node, None, event.rank)
            yield Line(number, _clean(event.line[:MAX_LINE]), place, event.at)
        elif isinstance(event, Failure):
            place = Place(event.node, None, event.rank)
            yield Line(number, event.cause, place, event.at, True, event.fix)


def of_log(file: IO[bytes]) -> Iterator[Line]:
    """A log of any size, text or not, with bars that overwrite themselves; needs no more memory
    than a chunk."""
    hosts: set[str] = set()
    for number, raw in enumerate(_split(file), start=1):
        text, place = _attribute(_clean(raw.decode(errors="replace")), hosts)
        yield Line(number, text, place)


def _split(file: IO[bytes]) -> Iterator[bytes]:
    rest, cut = b"", False
    while chunk := file.read(CHUNK):
        *whole, rest = _SEPARATOR.split(rest + chunk)
        for line in whole:
            if not cut and line:
                yield line[:MAX_LINE]
            cut = False
        if len(rest) > MAX_LINE:
            if not cut:
                yield rest[:MAX_LINE]
            rest, cut = b"", True
    if rest and not cut:
        yield rest


def _clean(text: str) -> str:
    return _COLOR.sub("", text) if "\x1b" in text else text


def _attribute(text: str, hosts: set[str]) -> tuple[str, Place]:
    """The line without what dsk, pdsh, torchrun or mpirun put before it. A name counts as pdsh's
    once its launch.py has spoken: `ValueError: ` looks the same."""
    node = host = rank = None
    if text.startswith("[") and (match := _DSK.match(text)):
        node, rank = _number(match["node"]), _number(match["rank"])
        text = text[match.end() :]
    if match := _HOST.match(text):
        name, rest = match["host"], text[match.end() :]
        if name in hosts or _ADDRESS.fullmatch(name) or _LAUNCH.match(rest):
            hosts.add(name)
            host, text = name, rest
    if text.startswith("[") and (match := _RANK.match(text)):
        rank = _number(match["rank"] or match["mpi"])
        text = text[match.end() :]
    return text, Place(node, host, rank)


def _number(digits: str | None) -> int | None:
    return None if digits is None else int(digits)

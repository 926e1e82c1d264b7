"""Lines of a job's events or of a log that somebody pasted, with who printed each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import IO

from dsk.wire.events import Event, Failure, Output

MAX_LINE = 16 << 10
"""Bytes that are kept of a line: what tells something is never longer."""
CHUNK = 1 << 20

LAUNCHER = "[launch.py:"
_COLOR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\].*?(?:\x07|\x1b\\)")
_DSK = re.compile(r"\[(?:node(?P<node>\d+)(?: rank (?P<rank>\d+))?|master) *\] ?")
_RANK = re.compile(r"\[(?:rank|default)(?P<rank>\d+)\]: ?|\[\d+,(?P<mpi>\d+)\]<std(?:out|err)>: ?")
_HOST = re.compile(r"(?P<host>[\w.-]+): ")
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_LAUNCH = re.compile(r"\[[^\]]+\] \[\w+\] " + re.escape(LAUNCHER))


@dataclass(frozen=True)
class Place:
    """Who printed a line. `node` is the index in dsk.yaml, `host` what a pasted log calls it."""

    node: int | None = None
    host: str | None = None
    rank: int | None = None


@dataclass(frozen=True)
class Line:
    """`number` is its place in the log, from 1, as an editor counts; `at` the supervisor's clock,
    None in a pasted log. `failed` marks the supervisor's own word on the failure, `fix` what it
    says to do."""

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
            text, place = of_rank(plain(event.line[:MAX_LINE]), place)
            yield Line(number, text, place, event.at)
        elif isinstance(event, Failure):
            place = Place(event.node, None, event.rank)
            yield Line(number, event.cause, place, event.at, True, event.fix)


def of_log(file: IO[bytes], telling: Iterable[str]) -> Iterator[Line]:
    """The lines of a log of any size, text or not, with bars that overwrite themselves.

    Chunks that hold none of the `telling` texts are left out, but for the one after one that does:
    looking for texts is quick, lines are not. Never are more than two chunks in memory.
    """
    wanted = [text.encode() for text in (*telling, LAUNCHER)]
    hosts: set[str] = set()
    number, near = 1, False
    for block in _blocks(file):
        tells = any(text in block for text in wanted)
        if tells or near:
            for offset, raw in enumerate(block.split(b"\n")):
                for state in filter(None, raw.split(b"\r")):
                    text, place = _attribute(
                        plain(state[:MAX_LINE].decode(errors="replace")), hosts
                    )
                    yield Line(number + offset, text, place)
        number += block.count(b"\n")
        near = tells


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    """Of whole lines where these are shorter than a chunk."""
    rest = b""
    while chunk := file.read(CHUNK):
        rest += chunk
        end = max(rest.rfind(b"\n"), rest.rfind(b"\r") if len(rest) > CHUNK else -1) + 1
        if end or len(rest) > CHUNK:
            yield rest[: end or len(rest)]
            rest = rest[end or len(rest) :]
    if rest:
        yield rest


def plain(text: str) -> str:
    """Without colours."""
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
    return of_rank(text, Place(node, host, rank))


def of_rank(text: str, place: Place) -> tuple[str, Place]:
    """The line without torch's or mpirun's word on whose it is, which counts where nobody else has
    said it: torch puts `[rank1]: ` before each line of a traceback once its ranks know each other.
    """
    if not text.startswith("[") or not (match := _RANK.match(text)):
        return text, place
    rank = _number(match["rank"] or match["mpi"]) if place.rank is None else place.rank
    return text[match.end() :], replace(place, rank=rank)


def _number(digits: str | None) -> int | None:
    return None if digits is None else int(digits)

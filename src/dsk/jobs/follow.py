"""A supervisor's events as they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dsk.wire.events import Event, Notice, decode


def lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Whole lines of a byte stream that is cut anywhere."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.decode(errors="replace") for line in whole)
    if rest:
        yield rest.decode(errors="replace")


def events(chunks: Iterable[bytes]) -> Iterator[Event]:
    """What is no event (the supervisor's own traceback, say) comes as a Notice of its text."""
    for line in lines(chunks):
        try:
            yield decode(line)
        except ValueError:
            yield Notice(0.0, line)

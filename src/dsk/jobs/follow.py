"""A supervisor's events as they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from dsk.wire.events import Event, Notice, decode

if TYPE_CHECKING:
    from docker.models.containers import Container


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


def container_events(master: Container) -> Iterator[Event]:
    """From the container's start to its end."""
    return events(master.logs(stream=True, follow=True))


def exit_code(master: Container) -> int:
    """The ended container's own; waits for the engine to know it, 30 s at most."""
    return int(master.wait(timeout=30)["StatusCode"])

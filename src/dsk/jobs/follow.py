"""A supervisor's events as they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dsk.text import verbatim
from dsk.wire.events import Event, Notice, decode
from dsk.wire.position import Position
from dsk.wire.tagged import UnknownKind


def lines(chunks: Iterable[bytes], *, unfinished: bool = True) -> Iterator[str]:
    """Whole lines of a byte stream that is cut anywhere, and what has no end at its end."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.decode(errors="replace") for line in whole)
    if rest and unfinished:
        yield rest.decode(errors="replace")


def events(chunks: Iterable[bytes], bookmark: Bookmark | None = None) -> Iterator[Event]:
    """What is no event (the supervisor's own traceback, say) comes as a Notice of its text. With a
    `bookmark`, which takes the positions among the lines (wire.position), a line that was cut off
    is not read: whoever asks again gets it."""
    for line in lines(chunks, unfinished=bookmark is None):
        if bookmark and bookmark.takes(line):
            continue
        try:
            yield decode(line)
        except UnknownKind:
            continue  # a later version's
        except ValueError:
            yield Notice(0.0, "unparsed", verbatim(line))


class Bookmark:
    """How far a job's stream has been read."""

    def __init__(self) -> None:
        self._told: Position | None = None
        self._lines = 0

    def takes(self, line: str) -> bool:
        """Whether it says where the next line is. Any other JSON line counts as read; the rest is
        not of the stream, such as a shell's complaint."""
        found = Position.from_line(line)
        if found:
            self._told, self._lines = found, 0
        elif line.startswith("{"):
            self._lines += 1
        return found is not None

    @property
    def position(self) -> Position | None:
        """After the last line that was read; None where an older image's agent says none."""
        return self._told and self._told.after(self._lines)

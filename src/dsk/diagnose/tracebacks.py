"""The first traceback of each rank, out of the lines of all of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from dsk.diagnose.lines import Line, Place

BEGIN = "Traceback (most recent call last):"
IGNORED = "Exception ignored in"
"""What goes before a traceback that Python itself does not care about."""
MAX_LINES = 80
MAX_PLACES = 1024
GIVE_UP_AFTER = 300
"""Lines of others between two lines of one traceback: where nothing says whose a line is, those
of several ranks mingle."""
_CHAINED = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
_EXCEPTION = re.compile(r"(?:\w+\.)*(?:[A-Z]\w*: |\w*(?:Error|Exception|Exit|Interrupt)$)")


@dataclass
class Traceback:
    """`lines` from the first to the last exception of a chain; `raised` once that one was seen,
    `known` if some entry of the catalogue knows a line of it."""

    first: Line
    lines: list[str] = field(default_factory=list)
    raised: bool = False
    known: bool = False


class Tracebacks:
    def __init__(self) -> None:
        self.all: list[Traceback] = []
        self._open: dict[Place, Traceback] = {}
        self._done: set[Place] = set()
        self._ignored: set[Place] = set()

    def hear(self, line: Line, *, known: bool) -> None:
        """`known`: some entry of the catalogue knows this line."""
        if IGNORED in line.text:
            self._ignored.add(line.place)
        elif BEGIN in line.text:
            self._begin(line)
        elif self._open and (current := self._open.get(line.place)):
            current.known = current.known or known
            self._go_on(current, line)

    def _begin(self, line: Line) -> None:
        place = line.place
        if place in self._ignored:
            self._ignored.discard(place)
        elif current := self._open.get(place):
            current.lines.append(line.text)
        elif place not in self._done and len(self.all) < MAX_PLACES:
            self._open[place] = Traceback(line, [line.text])
            self.all.append(self._open[place])

    def _go_on(self, current: Traceback, line: Line) -> None:
        text = line.text
        if text[:1].isspace() or text in _CHAINED:
            if len(current.lines) < MAX_LINES:
                current.lines.append(text)
        elif _EXCEPTION.match(text):
            current.lines.append(text)
            current.raised = True
        elif current.raised or line.number - current.first.number > GIVE_UP_AFTER:
            del self._open[line.place]
            self._done.add(line.place)

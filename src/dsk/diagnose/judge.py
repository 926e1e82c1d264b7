"""All that was seen of a run, line by line, to the first cause of its failure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import IO

from dsk.diagnose.diagnosis import Diagnosis, Found
from dsk.diagnose.entry import Entry
from dsk.diagnose.lines import Line, of_log
from dsk.diagnose.pattern import Pattern
from dsk.diagnose.tracebacks import BEGIN, IGNORED, Traceback, Tracebacks

MAX_EVIDENCE = 6
ENDED = "exits with return code = "
"""DeepSpeed's launch.py of a rank that failed."""


@dataclass
class _Seen:
    """What was seen of one entry. `values` are of the first line that matched."""

    first: Line | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    also: set[Pattern] = field(default_factory=set)
    spoiled: bool = False

    def add(self, line: Line) -> None:
        """One line of each rank is enough."""
        if len(self.lines) < MAX_EVIDENCE and all(line.place != each.place for each in self.lines):
            self.lines.append(line)


class Judge:
    """`hear` each line in the order in which it was said, then ask for the `diagnosis`."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = tuple(entries)
        self._seen = {entry.id: _Seen() for entry in self._entries}
        self._by_text: dict[str, list[Entry]] = defaultdict(list)
        for entry in self._entries:
            for text in {pattern.fixed for pattern in entry.patterns}:
                self._by_text[text].append(entry)
        self._tracebacks = Tracebacks()
        self._said: Line | None = None
        self._ended = False

    def hear(self, line: Line) -> None:
        if line.failed:
            self._said = line
        self._ended = self._ended or line.failed or ENDED in line.text
        known = False
        for text, entries in self._by_text.items():
            if text in line.text:
                for entry in entries:
                    known |= self._compare(entry, self._seen[entry.id], line)
        self._tracebacks.hear(line, known=known)

    def hear_all(self, lines: Iterable[Line]) -> Diagnosis:
        for line in lines:
            self.hear(line)
        return self.diagnosis()

    def read(self, file: IO[bytes]) -> Diagnosis:
        """Of a log that any run has printed."""
        return self.hear_all(of_log(file, (*self._by_text, BEGIN, IGNORED, ENDED)))

    def _compare(self, entry: Entry, seen: _Seen, line: Line) -> bool:
        """Whether the line is one of those that tell."""
        matches = (pattern.match(line.text) for pattern in entry.one_of)
        match = next(filter(None, matches), None)
        if match:
            if seen.first is None:
                seen.first, seen.values = line, match.groupdict("")
            seen.add(line)
        seen.also.update(pattern for pattern in entry.also if pattern.match(line.text))
        seen.spoiled = seen.spoiled or any(p.match(line.text) for p in entry.unless)
        return match is not None

    def diagnosis(self) -> Diagnosis:
        found = sorted(
            (found for entry in self._entries if (found := self._found(entry))),
            key=lambda each: each.first.number,
        )
        causes = [each for each in found if each.entry.kind == "cause"]
        hints = [each for each in found if each.entry.kind == "circumstance"]
        echoes = [each for each in found if each.entry.kind == "second-hand"]
        crash = self._unknown_crash()
        cause = next(iter(causes), None)
        if cause and crash and self._came_of(cause, crash):
            cause = None
        # A rank that has ended by itself had a reason of its own; what makes ranks wait for ever,
        # or a run that is not what it should be, has none.
        if cause is None and crash is None and (echoes or not self._ended):
            cause = next(iter(hints), None)
        # Circumstances stand in the logs of good runs as well: beside a cause they say nothing.
        others = [each for each in causes + ([] if causes else hints) if each is not cause]
        return Diagnosis(cause, tuple(others), tuple(echoes), crash, self._said)

    def _found(self, entry: Entry) -> Found | None:
        seen = self._seen[entry.id]
        if seen.first is None or seen.spoiled or len(seen.also) < len(set(entry.also)):
            return None
        return Found(entry, seen.first, seen.values, tuple(seen.lines))

    def _unknown_crash(self) -> Traceback | None:
        """The first traceback whose exception no entry knows; of the rank that failed, if known."""
        crashes = [each for each in self._tracebacks.all if each.raised and not each.known]
        return next(filter(self._is_the_failed_ranks, crashes), next(iter(crashes), None))

    def _is_the_failed_ranks(self, crash: Traceback) -> bool:
        return self._said is not None and self._said.place.rank == crash.first.place.rank

    def _came_of(self, cause: Found, crash: Traceback) -> bool:
        """Whether a known failure is later than another rank's unknown one: launchers end the
        ranks that are left, as hard as they must. Where the supervisor has named a rank, only that
        rank's counts."""
        named = self._said is not None and self._said.place.rank is not None
        return (
            cause.first.number > crash.first.number
            and cause.first.place != crash.first.place
            and (not named or self._is_the_failed_ranks(crash))
        )

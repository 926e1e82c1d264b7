"""All that was seen of a run, line by line, to the first cause of its failure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import IO

from dsk.diagnose.diagnosis import Diagnosis, Found
from dsk.diagnose.entry import Entry, Kind
from dsk.diagnose.index import Index
from dsk.diagnose.lines import MAX_STACKS, Line, Stack, StackAt, of_log
from dsk.diagnose.look import Look, look_of
from dsk.diagnose.pattern import Pattern
from dsk.diagnose.place import Place
from dsk.diagnose.prefixes import BEGIN
from dsk.diagnose.raised import Raised, first_fit
from dsk.diagnose.tracebacks import Certainty, Heard, StackForm, Traceback, Tracebacks

MAX_EVIDENCE = 6
_ENDS = (Certainty.MARKED, Certainty.PLAIN)
"""An error whose stack was printed, and that nothing says was caught."""
_LOGGED = re.compile(rf"(?i)\b(?:exception|error|fail\w*|warn\w*)\b.*{re.escape(BEGIN)}")
"""A program that prints its own words before a traceback has caught the exception."""


@dataclass(frozen=True, slots=True)
class _Hit:
    line: Line
    values: Mapping[str, str]
    traceback: Traceback | None

    @property
    def certainty(self) -> Certainty:
        return self.traceback.certainty if self.traceback else Certainty.PLAIN


@dataclass
class _Seen:
    """What was seen of one entry: one hit of each rank is enough."""

    hits: list[_Hit] = field(default_factory=list)
    also: set[Pattern] = field(default_factory=set)
    spoiled: bool = False

    def add(self, hit: _Hit) -> None:
        for each in self.hits:
            if each.line.place == hit.line.place and each.traceback in (None, hit.traceback):
                return
        if len(self.hits) >= MAX_EVIDENCE:
            self.hits = [each for each in self.hits if each.certainty is not Certainty.CAUGHT]
        if len(self.hits) < MAX_EVIDENCE:
            self.hits.append(hit)


class Judge:
    """`hear` each line in the order in which it was said, then ask for the `diagnosis`."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = tuple(entries)
        self._seen = {entry.id: _Seen() for entry in self._entries}
        self._rules = [(entry, rule) for entry in self._entries for rule in entry.raised]
        self._index = Index(self._entries)
        self._tracebacks = Tracebacks()
        self._stacks: dict[Stack, StackForm | None] = {}
        self._said: Line | None = None
        self._ended_well = False

    def hear(self, line: Line) -> None:
        look = line.look or look_of(line.text)
        if line.failed:
            self._said = line
            heard = Heard(line.text, False, None)
        else:
            heard = self._tracebacks.hear(line, look)
            self._ended_well = self._ended_well or look.ended_well
        same = heard.text is line.text or heard.text == line.text
        entries = self._index.of_line(heard.text, look if same else look_of(heard.text))
        if heard.ends_nothing:
            entries = [entry for entry in entries if entry.kind == "second-hand"]
        if not entries:
            return
        shown = line if same else _with_text(line, heard.text)
        kinds: set[Kind] = set()
        for entry in entries:
            if self._compare(entry, self._seen[entry.id], shown, heard.traceback):
                kinds.add(entry.kind)
        if heard.traceback:
            heard.traceback.know(kinds)

    def _hear_stack(self, found: StackAt) -> None:
        """The same as to hear each line; a stack that comes again is heard at once."""
        stack = found.stack
        if stack in self._stacks:
            form = self._stacks[stack]
        else:
            if len(self._stacks) >= MAX_STACKS:
                self._stacks.clear()
            form = self._stacks[stack] = self._form_of(stack)
        first = stack.line(0, found.numbers[0])
        if form is None or not self._tracebacks.hear_known(form, first):
            for line in found.lines():
                self.hear(line)

    def _form_of(self, stack: Stack) -> StackForm | None:
        """None if an entry may know one of its lines."""
        for text in stack.texts:
            look = look_of(text)
            if look.ended_well or self._index.of_line(text, look):
                return None
        return StackForm.of(stack)

    def hear_all(self, lines: Iterable[Line | StackAt]) -> Diagnosis:
        for each in lines:
            if isinstance(each, StackAt):
                self._hear_stack(each)
            else:
                self.hear(each)
        return self.diagnosis()

    def read(self, file: IO[bytes]) -> Diagnosis:
        """Of a log that any run has printed."""
        return self.hear_all(of_log(file, self))

    def in_block(self, keys: Iterable[bytes]) -> bool:
        return self._index.in_block(keys)

    def may_skip(self, look: Look, place: Place) -> bool:
        return self._tracebacks.is_idle(place) and look.is_quiet and not self._index.may_know(look)

    def _compare(self, entry: Entry, seen: _Seen, line: Line, traceback: Traceback | None) -> bool:
        """Whether the line is one of those that tell."""
        for pattern in entry.one_of:
            if match := pattern.match(line.text):
                seen.add(_Hit(line, match.groupdict(""), traceback))
                break
        else:
            match = None
        if entry.also:
            seen.also.update(pattern for pattern in entry.also if pattern.match(line.text))
        if entry.unless and not seen.spoiled:
            seen.spoiled = any(pattern.match(line.text) for pattern in entry.unless)
        return match is not None

    def diagnosis(self) -> Diagnosis:
        self._tracebacks.finish()
        found = sorted(
            (found for entry in self._entries if (found := self._found(entry))),
            key=lambda each: each.first.number,
        )
        kinds: dict[Kind, list[Found]] = defaultdict(list)
        for each in found:
            kinds[each.entry.kind].append(each)
        causes, crash = kinds["cause"], self._unknown_crash()
        cause = self._first_cause(causes, crash)
        if cause and crash and crash.certainty >= Certainty.THREAD:
            # What may have ended nothing is not shown as an error of its own.
            crash = None
        if cause is None and crash:
            cause = self._by_place(crash, bool(causes), bool(kinds["second-hand"]))
        if not causes and crash is None:
            cause = next(iter(kinds["finding"]), None)
        # Good runs print circumstances as well: where a cause is known they tell nothing, and where
        # nothing failed there is nothing to tell.
        failed = crash or kinds["second-hand"] or self._said or not self._ended_well
        circumstances = kinds["circumstance"] if failed and not causes and not cause else []
        others = [*causes, *kinds["finding"], *circumstances]
        return Diagnosis(
            cause,
            tuple(each for each in others if each is not cause),
            tuple(kinds["second-hand"]),
            crash,
            self._said,
        )

    def _first_cause(self, causes: list[Found], crash: Traceback | None) -> Found | None:
        """None where the first error may be one that no entry knows."""
        sure = [each for each in causes if each.certainty < Certainty.BARE]
        if not sure and crash and crash.certainty < Certainty.BARE:
            # An exception's line without its stack may have been logged and survived.
            return None
        cause = next(iter(sure or causes), None)
        return None if cause and crash and self._came_of(cause, crash) else cause

    def _found(self, entry: Entry) -> Found | None:
        seen = self._seen[entry.id]
        if seen.spoiled or len(seen.also) < len(set(entry.also)):
            return None
        hits = [hit for hit in seen.hits if hit.certainty is not Certainty.CAUGHT]
        if not hits:
            return None
        return Found(
            entry,
            hits[0].line,
            hits[0].values,
            tuple({hit.line.place: hit.line for hit in reversed(hits)}.values())[::-1],
            min(hit.certainty for hit in hits),
        )

    def _by_place(self, crash: Traceback, known: bool, followed: bool) -> Found | None:
        """What is told by where an error was raised whose words no entry knows. `known`: another
        one has a known cause; `followed`: other ranks say that one has failed.

        None where it may have ended nothing, and where several errors of one process are told
        apart: one of them may have been caught, and nothing says which.
        """
        if self._ended_well or crash.certainty not in (*_ENDS, Certainty.BARE):
            return None
        if _LOGGED.search(crash.first.text):
            return None
        if known and crash.certainty is Certainty.BARE:
            return None
        found = self._fitting(crash)
        if found is None or (followed and found.entry.follows):
            return None
        for other in self._unknown_crashes():
            if other.first.place == crash.first.place and other.certainty <= crash.certainty:
                fits = self._fitting(other)
                if fits is None or fits.entry is not found.entry:
                    return None
        return found

    def _fitting(self, crash: Traceback) -> Found | None:
        """By the first exception of its chain that a rule fits."""
        stacked = crash.certainty is not Certainty.BARE
        for link in crash.links:
            exception = Raised.read(link.text, link.below, link.stack)
            if exception and (fit := first_fit(self._rules, exception, stacked=stacked)):
                entry, values = fit
                line = _with_text(link.line, link.text)
                return Found(entry, line, values, (line,), crash.certainty)
        return None

    def _unknown_crashes(self) -> list[Traceback]:
        return [
            each
            for each in self._tracebacks.all
            if each.raised and not each.explained and not each.of_others
        ]

    def _unknown_crash(self) -> Traceback | None:
        """The first error that no entry knows: of the rank that failed, if that is known, else of
        those that surely ended their process."""
        crashes = self._unknown_crashes()
        of_rank = next(filter(self._is_the_failed_ranks, crashes), None)
        return of_rank or min(crashes, key=lambda each: each.certainty, default=None)

    def _is_the_failed_ranks(self, crash: Traceback) -> bool:
        return self._said is not None and self._said.place.rank == crash.first.place.rank

    def _came_of(self, cause: Found, crash: Traceback) -> bool:
        """Whether a known failure may be what came of an unknown one before it.

        Where the supervisor has named a rank, only that rank's error counts. Two errors of one
        rank: a process ends once, so the later one counts. Where nothing says whose a line is,
        that is known only of causes which no other rank's end can bring about.
        """
        if cause.first.number < crash.first.number:
            return False
        named = self._said is not None and self._said.place.rank is not None
        if named:
            elsewhere = cause.first.place != crash.first.place
            return elsewhere and self._is_the_failed_ranks(crash)
        if crash.certainty > min(cause.certainty, Certainty.PLAIN):
            return False
        if cause.first.place != crash.first.place:
            return True
        return cause.first.place == Place() and cause.entry.follows


def _with_text(line: Line, text: str) -> Line:
    return line._replace(text=text, look=None)

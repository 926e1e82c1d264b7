"""Errors that programs print with their stack, out of the lines of all ranks. Pure.

Read in every form in which they reach a log: Python's, also without its first line or without
indentation; boxed by rich; faulthandler's; C++'s `terminate called`; and an exception's line alone.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from dsk.diagnose.entry import Kind
from dsk.diagnose.lines import Line, Stack
from dsk.diagnose.look import Look, Sign, look_of
from dsk.diagnose.place import Place
from dsk.diagnose.prefixes import BEGIN, NOWHERE, embedded

MAX_LINES = 80
MAX_ERRORS = 2048
MAX_MESSAGE = 16
"""Lines of an exception's message below its first."""
MAX_PLACES = 1024
MAX_STACK = 160
"""Lines of an exception's stack that are kept, the innermost ones."""
ENOUGH_PROGRESS = 2
"""Lines with a loss after which an error was surely caught."""
GIVE_UP_AFTER = 300
"""Lines of others between two lines of one traceback: where nothing says whose a line is, those
of several ranks mingle."""

_INSIDE = re.compile(r"\b[A-Z]\w*(?:Error|Exception)(?:: .*|$)")
# `File "a.py", line 66, in put` that was wrapped before the number.
_REST_OF_FILE = re.compile(r"\d+, in ")
# A line of torchrun's list of failures.
_OF_LIST = re.compile(
    r"$|\[\d+\]:|[-=]{3}|(?:time|host|rank|exitcode|error_file|traceback|message|<NO_OTHER)\b"
)


class Certainty(IntEnum):
    """How surely an error ended its process: the less, the surer."""

    MARKED = 0
    PLAIN = 1
    THREAD = 2
    NATIVE = 3
    BARE = 4
    CAUGHT = 5


@dataclass(slots=True)
class Link:
    """One exception of a chain, and the kinds of the entries that know a line of it. `text` is the
    exception's in its line; `below` the rest of its message."""

    line: Line
    text: str
    kinds: set[Kind]
    stack: list[str]
    below: list[str] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Traceback:
    """`lines` from the first to the last exception of a chain, as the program printed them."""

    first: Line
    form: Certainty
    lines: list[str] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    above: set[Kind] = field(default_factory=set)
    """What is known of the stack above the next exception."""
    stack: list[str] = field(default_factory=list)
    """The lines of the stack above the next exception."""
    progress: int = 0
    """Lines with a loss that the same place printed afterwards, up to ENOUGH_PROGRESS."""
    between: bool = False
    """Whether the stack of the chain's next exception is being read."""

    @property
    def raised(self) -> bool:
        return bool(self.links)

    @property
    def explained(self) -> bool:
        """Whether an entry names the cause of one of its exceptions."""
        return any("cause" in link.kinds for link in self.links)

    @property
    def of_others(self) -> bool:
        """Whether it begins with what a rank says when another one has failed."""
        return bool(self.links) and self.links[0].kinds == {"second-hand"}

    @property
    def certainty(self) -> Certainty:
        """A program that goes on training has caught what it printed before."""
        enough = 1 if self.first.place != NOWHERE else ENOUGH_PROGRESS
        caught = self.progress >= enough and self.form is not Certainty.MARKED
        return Certainty.CAUGHT if caught else self.form

    def raise_(self, line: Line, text: str) -> None:
        """`text` is the exception's in the line."""
        self.links.append(Link(line, text, set(self.above), self.stack))
        self.above.clear()
        self.stack = []

    def know(self, kinds: set[Kind]) -> None:
        (self.links[-1].kinds if self.links and not self.between else self.above).update(kinds)


@dataclass(slots=True, eq=False)
class _Reader:
    """Where the reading of one place's lines is."""

    current: Traceback | None = None
    base: int = 0
    """Columns before the whole traceback."""
    flat: bool = False
    shape: re.Pattern[str] | None = None
    """What some program unknown to us puts before each of its lines."""
    stacked: bool = False
    """A line of a stack was seen."""
    code: bool = False
    """The line above was `File …`."""
    box: bool = False
    begun: int = 1
    message: int = 0
    blank: bool = False
    ignored: bool = False
    """Reading what Python printed and ignored."""
    over: bool = False
    """What is ignored has shown its exception."""
    ignore_next: bool = False
    thread_next: bool = False
    later: bool = False
    """In torchrun's list of what failed after the first."""
    recent: deque[Traceback] = field(default_factory=lambda: deque(maxlen=8))
    above: deque[str] = field(default_factory=lambda: deque(maxlen=4))
    """The last indented lines outside any traceback."""


class Heard(NamedTuple):
    """`text` without a prefix that only the traceback around it shows. `ends_nothing`: part of an
    error that the program ignored, or code that is only shown."""

    text: str
    ends_nothing: bool
    traceback: Traceback | None


@dataclass(frozen=True)
class StackForm:
    """Where the reading of a place's lines is after the lines of a stack."""

    lines: tuple[str, ...]
    stacked: bool

    @classmethod
    def of(cls, stack: Stack) -> StackForm | None:
        """None if the lines are more than a traceback's stack."""
        tracebacks = Tracebacks()
        for number, text in enumerate(stack.texts, start=1):
            look = look_of(text)
            heard = tracebacks.hear(stack.line(number - 1, number), look)
            if look.is_progress or heard.text != text:
                return None
        reader = tracebacks._readers[stack.place]
        current = reader.current
        if len(tracebacks.all) != 1 or current is not tracebacks.all[0]:
            return None
        if current.raised or reader.box or reader.shape or reader.blank or reader.begun > 1:
            return None
        if reader.base or reader.flat:
            return None
        return cls(tuple(current.lines), reader.stacked)


class Tracebacks:
    def __init__(self) -> None:
        self.all: list[Traceback] = []
        self._readers: dict[Place, _Reader] = {}
        self._full = False
        """Most of `all` may still be what ended the run."""

    def hear(self, line: Line, look: Look) -> Heard:
        """`look` is that of the line's text."""
        reader = self._readers.get(line.place)
        if reader is None:
            if len(self._readers) >= MAX_PLACES:
                return Heard(line.text, False, None)
            reader = self._readers[line.place] = _Reader()
        text = line.text
        if (reader.later or look.begins_failures) and self._is_later_failure(reader, text):
            return Heard(text, True, None)
        if look.is_progress:
            self._note_progress(reader)
        sign = look.sign
        if sign is not Sign.NOTHING:
            return self._begin_by(sign, reader, line)
        if reader.ignored or (reader.ignore_next and look.is_indented):
            return self._go_on_ignored(reader, line, look)
        if reader.current:
            return self._go_on(reader, reader.current, line, look)
        return self._outside(reader, line, look)

    def is_idle(self, place: Place) -> bool:
        """Whether a quiet line of the place changes nothing."""
        reader = self._readers.get(place)
        return reader is not None and not (
            reader.current or reader.ignored or reader.ignore_next or reader.later or reader.above
        )

    def hear_known(self, form: StackForm, line: Line) -> bool:
        """Hear all lines of a stack at once, of which `line` is the first. False, and nothing is
        heard, if what was before them could make a difference."""
        reader = self._readers.get(line.place)
        if reader is None or reader.later or reader.ignore_next:
            return False
        current = reader.current
        if current and (current.between or not current.raised):
            return False
        reader.ignored = False
        self._close(reader)
        opened = self._open(reader, line, _certainty(reader, line))
        opened.lines.extend(form.lines)
        opened.stack.extend(form.lines)
        reader.stacked = form.stacked
        return True

    def _begin_by(self, sign: Sign, reader: _Reader, line: Line) -> Heard:
        if sign is Sign.TRACEBACK:
            return self._begin(reader, line)
        self._close(reader)
        if sign is Sign.IGNORED:
            reader.ignored, reader.ignore_next = False, True
            return Heard(line.text, True, None)
        current = self._open(reader, line, Certainty.NATIVE)
        current.lines.append(line.text)
        current.raise_(line, line.text)
        return Heard(line.text, False, current)

    @staticmethod
    def _is_later_failure(reader: _Reader, text: str) -> bool:
        """Whether torchrun lists it before its root cause: these ranks ended later, mostly because
        torchrun ended them."""
        if text.strip() == "Failures:":
            reader.later = True
        elif reader.later and (not text[:1].isspace() or "Root Cause" in text):
            reader.later = _OF_LIST.match(text) is not None
        return reader.later

    def finish(self) -> None:
        """Of tracebacks whose exception other lines were printed into."""
        for reader in self._readers.values():
            self._close(reader)

    # Opening and closing.

    def _open(self, reader: _Reader, line: Line, form: Certainty) -> Traceback:
        traceback = Traceback(line, form)
        if len(self.all) >= MAX_ERRORS and not self._full:
            self._forget_caught()
        if len(self.all) < MAX_ERRORS:
            self.all.append(traceback)
        reader.current = traceback
        reader.recent.append(traceback)
        reader.base = reader.message = 0
        reader.flat = reader.code = reader.box = reader.blank = reader.stacked = False
        reader.shape = None
        reader.begun = 1
        reader.thread_next = False
        return traceback

    def _forget_caught(self) -> None:
        """Remove errors that were caught, all but the first: later errors need the room."""
        later = [each for each in self.all[1:] if each.certainty is not Certainty.CAUGHT]
        self.all = [*self.all[:1], *later]
        self._full = len(self.all) > MAX_ERRORS // 2

    def _close(self, reader: _Reader) -> None:
        current = reader.current
        if current is None:
            return
        if not current.raised and current.form is not Certainty.BARE:
            found = next(filter(None, map(_INSIDE.search, reversed(current.lines))), None)
            if found:
                current.raise_(current.first, found.group())
        reader.current = None

    def _note_progress(self, reader: _Reader) -> None:
        recent = reader.recent
        for each in recent:
            if each.links:
                each.progress += 1
        while recent and recent[0].progress >= ENOUGH_PROGRESS:
            recent.popleft()

    def _begin(self, reader: _Reader, line: Line) -> Heard:
        before, _, _ = line.text.partition(BEGIN)
        if reader.ignore_next:
            reader.ignored, reader.ignore_next, reader.over = True, False, False
            return Heard(line.text, True, None)
        reader.ignored = False
        rank = embedded(before)
        if rank is not None and line.place.rank is None:
            place = Place(line.place.node, line.place.host, rank)
            line = Line(line.number, line.text[len(before) :], place, line.at, marked=True)
            reader = self._readers.setdefault(place, _Reader())
            before = ""
        current = reader.current
        if current and not current.raised and line.number - current.first.number < GIVE_UP_AFTER:
            reader.begun += 1
            if current.lines[-1:] != [line.text]:
                current.lines.append(line.text)
            return Heard(line.text, False, current)
        if current and current.between:
            current.lines.append(line.text)
            return Heard(line.text, False, current)
        self._close(reader)
        current = self._open(reader, line, _certainty(reader, line))
        boxed = any(mark in before for mark in "╭┌│─") or "+--" in before or "| " in before
        reader.box = boxed
        if before and not boxed:
            pieces = [re.escape(piece) for piece in re.split(r"\d+", before)]
            reader.shape = re.compile(r"\d+".join(pieces))
        shown = line.text[len(before) :] if reader.shape else line.text
        current.lines.append(shown)
        return Heard(shown, False, current)

    # Lines outside any traceback.

    def _outside(self, reader: _Reader, line: Line, look: Look) -> Heard:
        text = line.text
        if look.is_blank:
            return Heard(text, False, None)
        if look.is_thread:
            reader.thread_next = True
        if look.is_frame:
            current = self._open(reader, line, Certainty.MARKED if line.marked else Certainty.PLAIN)
            current.lines.extend(reader.above)
            reader.above.clear()
            return self._go_on(reader, current, line, look)
        if look.is_surely_exception:
            current = self._open(reader, line, Certainty.MARKED if line.marked else Certainty.BARE)
            current.lines.extend([*reader.above, text])
            reader.above.clear()
            current.raise_(line, text)
            return Heard(text, False, current)
        if look.is_indented:
            reader.above.append(text)
        else:
            reader.above.clear()
            # What is ignored may be named in two lines: `<function f` and `at 0x7f>`.
            reader.ignore_next = reader.ignore_next and text.endswith(">")
        return Heard(text, False, None)

    # Lines of a traceback.

    def _go_on(self, reader: _Reader, current: Traceback, line: Line, look: Look) -> Heard:
        text = line.text
        if reader.shape or reader.box or reader.base:
            text = self._without_margin(reader, text)
            look = look_of(text)
        if look.is_blank:
            reader.blank = current.raised
            return Heard(text, False, current)
        if look.is_chained:
            current.lines.append(text)
            current.stack.clear()
            current.between = True
            reader.blank = reader.code = False
            return Heard(text, False, current)
        if current.raised and not current.between:
            return self._below(reader, current, line, text, look)
        return self._in_stack(reader, current, line, text, look)

    def _without_margin(self, reader: _Reader, text: str) -> str:
        if reader.shape:
            if match := reader.shape.match(text):
                text = text[match.end() :]
            elif look_of(text).indent_of_file is not None:
                # What stood before the first line was no prefix.
                reader.shape = None
        if reader.box:
            stripped = text.strip()
            if stripped[:1] in "│|╭╰┌└+" or stripped.startswith("+-"):
                return text
        if reader.base and text[: reader.base].isspace():
            return text[reader.base :]
        return text

    def _in_stack(  # noqa: PLR0911
        self, reader: _Reader, current: Traceback, line: Line, text: str, look: Look
    ) -> Heard:
        if reader.box and text.strip()[:1] in "│|╭╰┌└+❱":
            self._add(reader, current, text)
            inner = text.strip().strip("│|+- ").strip()
            if text.strip()[:1] == "|" and look_of(inner).is_surely_exception:
                current.raise_(line, inner)
                current.between = False
            return Heard(inner, True, current)
        if (indent := look.indent_of_file) is not None:
            if len(current.lines) <= 2 and not reader.box:
                reader.base = max(indent - 2, 0)
                reader.flat = indent == 0
                text = text[reader.base :]
            self._add(reader, current, text)
            reader.code = reader.stacked = True
            return Heard(text, False, current)
        code, reader.code = reader.code, False
        if look.is_indented or (code and reader.flat and not look.is_surely_exception):
            self._add(reader, current, text)
            return Heard(text, look.is_quoted, current)
        if look.is_surely_exception or (reader.stacked and look.is_below_stack):
            self._add(reader, current, text)
            current.raise_(line, text)
            current.between = False
            reader.message, reader.blank = 0, False
            return Heard(text, False, current)
        if look.is_wrapped:
            return Heard(text, False, current)
        if reader.flat and not look.is_log:
            self._add(reader, current, text)
            return Heard(text, look.is_quoted, current)
        if line.number - current.first.number > GIVE_UP_AFTER:
            self._close(reader)
        return Heard(text, False, None)

    def _below(
        self, reader: _Reader, current: Traceback, line: Line, text: str, look: Look
    ) -> Heard:
        """What follows an exception's line: the rest of its message, or something else."""
        if look.is_wrapped:
            return Heard(text, False, current)
        if current.form is Certainty.NATIVE and (look.is_indented or _is_native(text)):
            self._add(reader, current, text)
            return Heard(text, False, current)
        over = reader.blank and not look.is_indented
        if over or look.is_log or reader.message >= MAX_MESSAGE or look.is_progress:
            self._close(reader)
            return self._outside(reader, line, look_of(line.text))
        if look.is_surely_exception and reader.begun < 2:
            # Another rank's, or the same one's after a library has wrapped it.
            current.raise_(line, text)
        elif reader.begun >= 2 and current.lines[-1] == text:
            return Heard(text, False, current)
        if look.is_frame:
            self._close(reader)
            return self._outside(reader, line, look_of(line.text))
        reader.message += 1
        reader.blank = False
        if len(current.links[-1].below) < MAX_MESSAGE:
            current.links[-1].below.append(text)
        self._add(reader, current, text)
        return Heard(text, False, current)

    def _add(self, reader: _Reader, current: Traceback, text: str) -> None:
        if reader.begun > 1 and current.lines[-1:] == [text]:
            return
        current.stack.append(text)
        if len(current.stack) >= 2 * MAX_STACK:
            del current.stack[:MAX_STACK]
        if len(current.lines) < MAX_LINES:
            current.lines.append(text)

    def _go_on_ignored(self, reader: _Reader, line: Line, look: Look) -> Heard:
        """Up to the exception's line; of what logging prints, also the call stack and arguments."""
        text = line.text
        reader.ignore_next = False
        reader.ignored = True
        if look.is_blank and not reader.over:
            return Heard(text, True, None)
        if (
            look.is_indented
            or text.startswith(("File ", "Call stack:", "Message:"))
            or _REST_OF_FILE.match(text)
        ):
            reader.code = text.startswith("File ")
            return Heard(text, True, None)
        if reader.code and not reader.over and not look.is_surely_exception:
            reader.code = False
            return Heard(text, True, None)
        if text.startswith("Arguments:"):
            reader.ignored = False
            return Heard(text, True, None)
        if look.is_below_stack and not look.is_log and not reader.over:
            reader.over = True
            return Heard(text, True, None)
        reader.ignored = False
        return self._outside(reader, line, look)


def _certainty(reader: _Reader, line: Line) -> Certainty:
    """Of an error whose traceback begins with the line."""
    if line.marked:
        return Certainty.MARKED
    return Certainty.THREAD if reader.thread_next else Certainty.PLAIN


def _is_native(text: str) -> bool:
    return text.startswith(
        ("what():", "Exception raised from", "frame #", "Current thread", "Thread 0x", "Extension")
    )

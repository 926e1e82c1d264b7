"""Errors that programs print with their stack, out of the lines of all ranks. Pure.

Read in every form in which they reach a log: Python's, also without its first line or without
indentation; boxed by rich; faulthandler's; C++'s `terminate called`; and an exception's line alone.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, IntEnum, auto
from functools import lru_cache
from typing import NamedTuple

from dsk.diagnose.entry import Kind
from dsk.diagnose.lines import Line
from dsk.diagnose.place import Place
from dsk.diagnose.prefixes import BEGIN, NOWHERE, embedded

MAX_LINES = 80
MAX_ERRORS = 2048
MAX_MESSAGE = 16
"""Lines of an exception's message below its first."""
MAX_PLACES = 1024
ENOUGH_PROGRESS = 2
"""Lines with a loss after which an error was surely caught."""
REMEMBERED = 1 << 9
"""Texts whose look is remembered: long logs repeat themselves."""
GIVE_UP_AFTER = 300
"""Lines of others between two lines of one traceback: where nothing says whose a line is, those
of several ranks mingle."""

IGNORED = ("Exception ignored in", "--- Logging error ---", "Error in atexit._run_exitfuncs")
"""What goes before a traceback that ends nothing: Python prints it and goes on."""
FATAL = "Fatal Python error: "
TERMINATE = "terminate called"
TELLING = (BEGIN, TERMINATE, FATAL, *IGNORED)

_CHAINED = (
    "During handling of the above exception, another exception occurred",
    "The above exception was the direct cause of the following exception",
)
_NAME = r"(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*"
# Below a stack, whatever looks like a class with a message; elsewhere only what is surely one.
_BELOW_STACK = re.compile(rf"{_NAME}(?:\([\w.]+\))?(?:: |:?$)")
_SURELY = re.compile(
    rf"(?:{_NAME}\.)?(?!RemoteTraceback)(?:[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Expired|Invalid)"
    r"|(?<=\.)(?:gaierror|timeout|herror|error|Empty|Full|OutOfMemory|Timeout|ReadTimeout))"
    r"(?:\([\w.]+\))?(?:: |:?\s*$|\s{4,}\S)"
)
_INSIDE = re.compile(r"\b[A-Z]\w*(?:Error|Exception)(?:: .*|$)")
_FILE = re.compile(r'(?P<indent>\s*)File "(?P<file>[^"]+)", line \d+(?P<where>,? in )?')
# `File "a.py", line 66, in put` that was wrapped before the number.
_REST_OF_FILE = re.compile(r"\d+, in ")
_THREAD = re.compile(r"(?:Exception in thread|Process \S+:$)")
_WRAPPED = re.compile(r"(?:\w+\.)*RemoteTraceback|\"\"\"$|'''$")
# Code that is shown, not run: the text of an exception that may have got other words.
_QUOTED = re.compile(r"\s*(?:raise\b|f?r?[\"']|logger\.|warnings?\.|print\()")
# What ends an exception's message: the next thing that a program logs.
_LOG = re.compile(
    r"\[?\d{4}-\d\d-\d\d|\[?\d\d:\d\d|\[(?:INFO|WARN|ERROR|DEBUG|E\d|W\d|I\d|rank)|[IWEF]\d{4} |"
    r"(?:INFO|WARNING|ERROR|DEBUG|CRITICAL)\b|\{'|wandb: |\s*\d+%\||[\w.-]+:\d+:\d+ \[\d+\] NCCL|"
    r"={5}|-{5}|\*{5}|Killing subprocess|Root Cause|srun: |slurmstepd: |pdsh@|\S*[$#] |"
    r"(?:bash|sh|/bin/\w+): |terminate called|Fatal Python|\w*Warning: |\S+\.py:\d+: "
)
# A line of torchrun's list of failures.
_OF_LIST = re.compile(
    r"$|\[\d+\]:|[-=]{3}|(?:time|host|rank|exitcode|error_file|traceback|message|<NO_OTHER)\b"
)
_PROGRESS = re.compile(r"\{'(?:loss|eval_loss|train_loss|train_runtime)'")


class _Sign(Enum):
    """What a line begins, whatever was before it."""

    NOTHING = auto()
    IGNORED = auto()
    TRACEBACK = auto()
    NATIVE = auto()


@lru_cache(REMEMBERED)
def _sign(text: str) -> _Sign:
    for each in IGNORED:
        if each in text:
            return _Sign.IGNORED
    if BEGIN in text:
        return _Sign.TRACEBACK
    return _Sign.NATIVE if text.startswith((TERMINATE, FATAL)) else _Sign.NOTHING


@lru_cache(REMEMBERED)
def _is_surely_exception(text: str) -> bool:
    return _SURELY.match(text) is not None


@lru_cache(REMEMBERED)
def _is_log(text: str) -> bool:
    return _LOG.match(text) is not None


@lru_cache(REMEMBERED)
def _is_quoted(text: str) -> bool:
    return _QUOTED.match(text) is not None


class Certainty(IntEnum):
    """How surely an error ended its process: the less, the surer."""

    MARKED = 0
    PLAIN = 1
    THREAD = 2
    NATIVE = 3
    BARE = 4
    CAUGHT = 5


@dataclass
class Link:
    """One exception of a chain, and the kinds of the entries that know a line of it."""

    kinds: set[Kind] = field(default_factory=set)


@dataclass
class Traceback:
    """`lines` from the first to the last exception of a chain, as the program printed them."""

    first: Line
    form: Certainty
    lines: list[str] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    above: set[Kind] = field(default_factory=set)
    """What is known of the stack above the next exception."""
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

    def raise_(self) -> None:
        self.links.append(Link(set(self.above)))
        self.above.clear()

    def know(self, kinds: set[Kind]) -> None:
        (self.links[-1].kinds if self.links and not self.between else self.above).update(kinds)


@dataclass
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


class Tracebacks:
    def __init__(self) -> None:
        self.all: list[Traceback] = []
        self._readers: dict[Place, _Reader] = {}
        self._full = False
        """Most of `all` may still be what ended the run."""

    def hear(self, line: Line) -> Heard:  # noqa: PLR0911
        reader = self._readers.get(line.place)
        if reader is None:
            if len(self._readers) >= MAX_PLACES:
                return Heard(line.text, False, None)
            reader = self._readers[line.place] = _Reader()
        text = line.text
        if (reader.later or "Failures:" in text) and self._is_later_failure(reader, text):
            return Heard(text, True, None)
        if _PROGRESS.match(text):
            self._note_progress(reader)
        sign = _sign(text)
        if sign is _Sign.IGNORED:
            self._close(reader)
            reader.ignored, reader.ignore_next = False, True
            return Heard(text, True, None)
        if sign is _Sign.TRACEBACK:
            return self._begin(reader, line)
        if sign is _Sign.NATIVE:
            self._close(reader)
            current = self._open(reader, line, Certainty.NATIVE)
            current.lines.append(text)
            current.raise_()
            return Heard(text, False, current)
        if reader.ignored or (reader.ignore_next and text[:1].isspace()):
            return self._go_on_ignored(reader, line)
        if reader.current:
            return self._go_on(reader, reader.current, line)
        return self._outside(reader, line)

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
                current.raise_()
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
        surely = (
            Certainty.MARKED
            if line.marked
            else Certainty.THREAD
            if reader.thread_next
            else Certainty.PLAIN
        )
        current = self._open(reader, line, surely)
        boxed = any(mark in before for mark in "╭┌│─") or "+--" in before or "| " in before
        reader.box = boxed
        if before and not boxed:
            pieces = [re.escape(piece) for piece in re.split(r"\d+", before)]
            reader.shape = re.compile(r"\d+".join(pieces))
        shown = line.text[len(before) :] if reader.shape else line.text
        current.lines.append(shown)
        return Heard(shown, False, current)

    # Lines outside any traceback.

    def _outside(self, reader: _Reader, line: Line) -> Heard:
        text = line.text
        if not text.strip():
            return Heard(text, False, None)
        if _THREAD.match(text):
            reader.thread_next = True
        match = _FILE.match(text)
        if match and match["where"]:
            current = self._open(reader, line, Certainty.MARKED if line.marked else Certainty.PLAIN)
            current.lines.extend(reader.above)
            reader.above.clear()
            return self._go_on(reader, current, line)
        if _is_surely_exception(text):
            current = self._open(reader, line, Certainty.MARKED if line.marked else Certainty.BARE)
            current.lines.extend([*reader.above, text])
            reader.above.clear()
            current.raise_()
            return Heard(text, False, current)
        if text[:1].isspace():
            reader.above.append(text)
        else:
            reader.above.clear()
            # What is ignored may be named in two lines: `<function f` and `at 0x7f>`.
            reader.ignore_next = reader.ignore_next and text.endswith(">")
        return Heard(text, False, None)

    # Lines of a traceback.

    def _go_on(self, reader: _Reader, current: Traceback, line: Line) -> Heard:
        text = self._without_margin(reader, line.text)
        if not text.strip():
            reader.blank = current.raised
            return Heard(text, False, current)
        if text.startswith(_CHAINED):
            current.lines.append(text)
            current.between = True
            reader.blank = reader.code = False
            return Heard(text, False, current)
        if current.raised and not current.between:
            return self._below(reader, current, line, text)
        return self._in_stack(reader, current, line, text)

    def _without_margin(self, reader: _Reader, text: str) -> str:
        if reader.shape:
            if match := reader.shape.match(text):
                text = text[match.end() :]
            elif _FILE.match(text):
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
        self, reader: _Reader, current: Traceback, line: Line, text: str
    ) -> Heard:
        if reader.box and text.strip()[:1] in "│|╭╰┌└+❱":
            self._add(reader, current, text)
            inner = text.strip().strip("│|+- ").strip()
            if _is_surely_exception(inner) and text.strip()[:1] == "|":
                current.raise_()
                current.between = False
            return Heard(inner, True, current)
        if match := _FILE.match(text):
            indent = len(match["indent"])
            if len(current.lines) <= 2 and not reader.box:
                reader.base = max(indent - 2, 0)
                reader.flat = indent == 0
                text = text[reader.base :]
            self._add(reader, current, text)
            reader.code = reader.stacked = True
            return Heard(text, False, current)
        code, reader.code = reader.code, False
        if code and reader.flat and not _is_surely_exception(text):
            self._add(reader, current, text)
            return Heard(text, _is_quoted(text), current)
        if text[:1].isspace():
            self._add(reader, current, text)
            return Heard(text, _is_quoted(text), current)
        if _is_surely_exception(text) or (reader.stacked and _BELOW_STACK.match(text)):
            self._add(reader, current, text)
            current.raise_()
            current.between = False
            reader.message, reader.blank = 0, False
            return Heard(text, False, current)
        if _WRAPPED.match(text):
            return Heard(text, False, current)
        if reader.flat and not _is_log(text):
            self._add(reader, current, text)
            return Heard(text, _is_quoted(text), current)
        if line.number - current.first.number > GIVE_UP_AFTER:
            self._close(reader)
        return Heard(text, False, None)

    def _below(self, reader: _Reader, current: Traceback, line: Line, text: str) -> Heard:
        """What follows an exception's line: the rest of its message, or something else."""
        if _WRAPPED.match(text):
            return Heard(text, False, current)
        if current.form is Certainty.NATIVE and (text[:1].isspace() or _is_native(text)):
            self._add(reader, current, text)
            return Heard(text, False, current)
        over = reader.blank and not text[:1].isspace()
        if over or _is_log(text) or reader.message >= MAX_MESSAGE or _PROGRESS.match(text):
            self._close(reader)
            return self._outside(reader, line)
        if _is_surely_exception(text) and reader.begun < 2:
            # Another rank's, or the same one's after a library has wrapped it.
            current.raise_()
        elif reader.begun >= 2 and current.lines[-1] == text:
            return Heard(text, False, current)
        if (match := _FILE.match(text)) and match["where"]:
            self._close(reader)
            return self._outside(reader, line)
        reader.message += 1
        reader.blank = False
        self._add(reader, current, text)
        return Heard(text, False, current)

    def _add(self, reader: _Reader, current: Traceback, text: str) -> None:
        doubled = reader.begun > 1 and current.lines[-1:] == [text]
        if len(current.lines) < MAX_LINES and not doubled:
            current.lines.append(text)

    def _go_on_ignored(self, reader: _Reader, line: Line) -> Heard:
        """Up to the exception's line; of what logging prints, also the call stack and arguments."""
        text = line.text
        reader.ignore_next = False
        reader.ignored = True
        if not text.strip() and not reader.over:
            return Heard(text, True, None)
        if (
            text[:1].isspace()
            or text.startswith(("File ", "Call stack:", "Message:"))
            or _REST_OF_FILE.match(text)
        ):
            reader.code = text.startswith("File ")
            return Heard(text, True, None)
        if reader.code and not reader.over and not _is_surely_exception(text):
            reader.code = False
            return Heard(text, True, None)
        if text.startswith("Arguments:"):
            reader.ignored = False
            return Heard(text, True, None)
        if _BELOW_STACK.match(text) and not _is_log(text) and not reader.over:
            reader.over = True
            return Heard(text, True, None)
        reader.ignored = False
        return self._outside(reader, line)


def _is_native(text: str) -> bool:
    return text.startswith(
        ("what():", "Exception raised from", "frame #", "Current thread", "Thread 0x", "Extension")
    )

"""Lines of a job's events or of a log that somebody pasted, with who printed each."""

from __future__ import annotations

import codecs
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import IO, NamedTuple, Protocol

from dsk.diagnose import wrapped
from dsk.diagnose.look import Look, Sign
from dsk.diagnose.mask import masked
from dsk.diagnose.place import Place
from dsk.diagnose.prefixes import BEGIN, NOWHERE, Cut, Prefixes, of_rank
from dsk.diagnose.recent import Recent
from dsk.text import Text
from dsk.wire.events import Event, Failure, Output

MAX_LINE = 16 << 10
"""Bytes that are kept of a line: what tells something is never longer."""
CHUNK = 1 << 20
SNIFF = 4096
MAX_STACK = 64
"""Lines of a stack that are read as one."""
MAX_STACKS = 1 << 8
"""Stacks that are remembered."""
MAX_STACKS_WITH_FIRST = 16
"""Of these, with the same first line."""
CODE = 4
"""Blanks that make a block of code in Markdown; a traceback's stack by itself has fewer."""
_COLOR = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\].*?(?:\x07|\x1b\\)|\x1b[()][0-9A-B]")


class Line(NamedTuple):
    """`number` is its place in the log, from 1, as an editor counts; `at` the supervisor's clock,
    None in a pasted log. `failed` marks the supervisor's own message on the failure, in English;
    `told` is the same for the user's language, `fix` what it says to do. `marked`: a line of an
    exception that nobody caught, by torch's mark of its rank. `look`: what the text looks like,
    where that is known already."""

    number: int
    text: str
    place: Place
    at: float | None = None
    failed: bool = False
    fix: Text | None = None
    marked: bool = False
    look: Look | None = None
    told: Text | None = None


@dataclass(frozen=True, eq=False)
class Stack:
    """The stack of a traceback, from its first line to the one above the exception's: programs
    print one again and again without any change. It is the same object each time."""

    texts: tuple[str, ...]
    place: Place
    marked: bool

    def line(self, index: int, number: int) -> Line:
        return Line(number, self.texts[index], self.place, None, False, None, self.marked)


class StackAt(NamedTuple):
    """Where a stack is in a log: the number of each of its lines."""

    stack: Stack
    numbers: Sequence[int]

    def lines(self) -> Iterator[Line]:
        for index, number in enumerate(self.numbers):
            yield self.stack.line(index, number)


class Telling(Protocol):
    """What is worth reading."""

    def in_block(self, keys: Iterable[bytes]) -> bool:
        """Whether a block of masked lines is worth reading line by line."""

    def may_skip(self, look: Look, place: Place) -> bool:
        """Whether a line that looks like that tells nothing after the lines before it."""


def of_events(events: Iterable[Event]) -> Iterator[Line]:
    """What was printed, and what the supervisor said of a failure, in its own order."""
    for number, event in enumerate(events, start=1):
        if isinstance(event, Output):
            place = Place(event.node, None, event.rank)
            text, place, marked = of_rank(plain(event.line[:MAX_LINE]), place)
            yield Line(number, text, place, event.at, marked=marked)
        elif isinstance(event, Failure):
            place = Place(event.node, None, event.rank)
            text = event.cause.in_language("en")
            yield Line(number, text, place, event.at, True, event.fix, told=event.cause)


def of_log(file: IO[bytes], telling: Telling) -> Iterator[Line | StackAt]:
    """The lines of a log of any size, text or not, with bars that overwrite themselves. Those of a
    traceback's stack come together.

    Blocks that tell nothing are left out, but for the one after one that does: looking at blocks
    is quick, lines are not. Never are more than two blocks in memory.
    """
    chunks = _utf8(file)
    start = [next(chunks, b""), next(chunks, b"")]
    margin = _margin(start[0][:SNIFF])
    reader = _Reader(margin, telling)
    if not start[1]:
        numbers, raws = _unwrapped(_raws(start[0]), margin)
        keys = masked(b"\n".join(raws)).split(b"\n")
        if telling.in_block(keys):
            yield from reader.lines(numbers, raws, keys)
        return
    number, near = 1, False
    for block in _blocks(chain(start, chunks)):
        keys = masked(block).split(b"\n")
        tells = telling.in_block(keys)
        if tells or near:
            raws = _raws(block)
            yield from reader.lines(range(number, number + len(raws)), raws, keys)
        number += block.count(b"\n")
        near = tells


@dataclass(slots=True)
class _Form:
    """What lines that differ in their numbers alone have in common, and what the last one says."""

    cut: Cut
    look: Look
    raw: bytes | None = None
    text: str = ""
    place: Place = NOWHERE


class _Reader:
    """Reads raw lines; `margin` is what all begin with. Long logs repeat themselves, so the forms
    of the last lines, and stacks, are remembered."""

    def __init__(self, margin: str, telling: Telling) -> None:
        self._margin = margin
        self._telling = telling
        self._prefixes = Prefixes()
        self._forms: Recent[_Form] = Recent()
        self._stacks: dict[tuple[tuple[str, ...], Place, bool], Stack] = {}
        self._raw_stacks: dict[bytes, list[tuple[list[bytes], Stack]]] = defaultdict(list)

    def lines(
        self, numbers: Sequence[int], raws: list[bytes], keys: list[bytes]
    ) -> Iterator[Line | StackAt]:
        """`keys` are the masked lines."""
        end = 0
        for index, number, raw, key in zip(count(), numbers, raws, keys, strict=False):
            if index < end:
                continue
            form = self._forms.get(key)
            if form is None and (b"\r" in raw or b"\x1b" in raw):
                yield from self._states(number, raw)
                continue
            form = self._read(form, key, raw)
            if form.look.sign is Sign.TRACEBACK:
                if stack := self._stack(raws, keys, index):
                    end = index + len(stack.texts)
                    yield StackAt(stack, numbers[index:end])
                    continue
                # Lines further down may have had the same form.
                form = self._read(form, key, raw)
            if not self._telling.may_skip(form.look, form.place):
                yield _line(number, form)

    def _states(self, number: int, raw: bytes) -> Iterator[Line]:
        """One line for each state that it showed, without colours."""
        for state in _states(raw):
            shown = plain(state.decode(errors="replace")).encode() if b"\x1b" in state else state
            key = masked(shown)
            form = self._read(self._forms.get(key), key, shown)
            if not self._telling.may_skip(form.look, form.place):
                yield _line(number, form)

    def _read(self, form: _Form | None, key: bytes, raw: bytes) -> _Form:
        """The form, new if there is none, with what this line says."""
        if form and raw == form.raw:
            return form
        text = raw[:MAX_LINE].decode(errors="replace").removeprefix(self._margin)
        if form is None or (form.cut.names and not self._prefixes.holds(form.cut, text)):
            hosts = len(self._prefixes.hosts)
            cut = self._prefixes.cut(text)
            form = _Form(cut, Look(text[cut.end :].rstrip()))
            if len(self._prefixes.hosts) != hosts:
                # Lines of a host that has just become known would be read differently now.
                self._forms.clear()
                self._raw_stacks.clear()
            self._forms.offer(key, form)
        form.raw, form.text = raw, text[form.cut.end :].rstrip()
        form.place = form.cut.place(text)
        return form

    def _stack(self, raws: list[bytes], keys: list[bytes], start: int) -> Stack | None:
        """The stack that begins here, if a traceback does."""
        for known, stack in self._raw_stacks.get(raws[start], ()):
            if raws[start : start + len(known)] == known:
                return stack
        texts: list[str] = []
        who = None
        for index in range(start, min(start + MAX_STACK, len(raws))):
            raw = raws[index]
            if b"\r" in raw or b"\x1b" in raw:
                break
            form = self._read(self._forms.get(keys[index]), keys[index], raw)
            if who and who != (form.place, form.cut.marked):
                break
            if not (form.look.is_indented if who else form.text.startswith(BEGIN)):
                break
            who = form.place, form.cut.marked
            texts.append(form.text)
        if who is None or len(texts) == 1:
            return None
        if len(self._stacks) >= MAX_STACKS:
            self._stacks.clear()
        stack = self._stacks.setdefault((tuple(texts), *who), Stack(tuple(texts), *who))
        if len(self._raw_stacks) >= MAX_STACKS:
            self._raw_stacks.clear()
        with_first = self._raw_stacks[raws[start]]
        if len(with_first) >= MAX_STACKS_WITH_FIRST:
            with_first.clear()
        with_first.insert(0, (raws[start : start + len(texts)], stack))
        return stack


def _line(number: int, form: _Form) -> Line:
    return Line(number, form.text, form.place, None, False, None, form.cut.marked, form.look)


def _raws(block: bytes) -> list[bytes]:
    raws = block.split(b"\n")
    return raws if raws[-1] else raws[:-1]


def _unwrapped(raws: list[bytes], margin: str) -> tuple[list[int], list[bytes]]:
    """The numbers of a paste's lines, and the lines; those that were cut at a fixed width are
    joined."""
    ends = [raw.removesuffix(b"\r") for raw in raws]
    texts = [plain(raw.decode(errors="replace")).removeprefix(margin) for raw in ends]
    blanks = margin.encode()
    numbers, lines = [], []
    for group in wrapped.groups(texts):
        first = group[0]
        rest = [ends[index].removeprefix(blanks) for index in group[1:]]
        numbers.append(first + 1)
        lines.append(b"".join([ends[first], *rest]) if rest else raws[first])
    return numbers, lines


def _margin(head: bytes) -> str:
    """The blanks that all lines begin with, of a log that was pasted as a block of code."""
    lines = [line for line in head.decode(errors="replace").splitlines() if line.strip()]
    found = min(
        (line[: len(line) - len(line.lstrip(" \t"))] for line in lines), key=len, default=""
    )
    if not all(line.startswith(found) for line in lines):
        return ""
    # A stack's own two blanks stay.
    return found if "\t" in found else found[: len(found) // CODE * CODE]


def _states(raw: bytes) -> list[bytes]:
    """What one line showed, one after the other; an empty line is one."""
    return [state for state in raw.split(b"\r") if state] or [b""]


def _utf8(file: IO[bytes]) -> Iterator[bytes]:
    """The file's chunks; of UTF-16, which Windows' shells and editors write, as UTF-8."""
    head = file.read(CHUNK)
    encoding = _encoding(head[:SNIFF])
    if encoding is None:
        yield head
        while chunk := file.read(CHUNK):
            yield chunk
        return
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    chunk = head
    while chunk:
        yield decoder.decode(chunk).encode(errors="replace")
        chunk = file.read(CHUNK)
    yield decoder.decode(b"", final=True).encode(errors="replace")


def _encoding(head: bytes) -> str | None:
    """UTF-16 by its mark, or because every other byte of what should be text is zero."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    pairs = len(head) // 2
    if pairs >= 8 and head[1::2].count(0) > 0.7 * pairs and head[::2].count(0) < 0.1 * pairs:
        return "utf-16-le"
    if pairs >= 8 and head[::2].count(0) > 0.7 * pairs and head[1::2].count(0) < 0.1 * pairs:
        return "utf-16-be"
    return None


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Of whole lines where these are shorter than a chunk."""
    rest = b""
    for chunk in chunks:
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

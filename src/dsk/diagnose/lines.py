"""Lines of a job's events or of a log that somebody pasted, with who printed each."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import IO, NamedTuple, Protocol

from dsk.diagnose import wrapped
from dsk.diagnose.place import Place
from dsk.diagnose.prefixes import Prefixes, of_rank
from dsk.wire.events import Event, Failure, Output

MAX_LINE = 16 << 10
"""Bytes that are kept of a line: what tells something is never longer."""
CHUNK = 1 << 20
SNIFF = 4096
REMEMBERED = 1 << 9
"""Lines that a reader remembers: more would push each other out of the processor's cache."""
MAX_REMEMBERED = 1 << 10
"""Bytes of a line that is remembered."""
CODE = 4
"""Blanks that make a block of code in Markdown; a traceback's stack by itself has fewer."""
_COLOR = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\].*?(?:\x07|\x1b\\)|\x1b[()][0-9A-B]")


class Line(NamedTuple):
    """`number` is its place in the log, from 1, as an editor counts; `at` the supervisor's clock,
    None in a pasted log. `failed` marks the supervisor's own message on the failure, `fix` what it
    says to do; `marked` a line of an exception that nobody caught, by torch's mark of its rank."""

    number: int
    text: str
    place: Place
    at: float | None = None
    failed: bool = False
    fix: str | None = None
    marked: bool = False


class Telling(Protocol):
    """Whether a block of a log holds anything that is worth reading line by line."""

    def in_block(self, block: bytes) -> bool: ...


def of_events(events: Iterable[Event]) -> Iterator[Line]:
    """What was printed, and what the supervisor said of a failure, in its own order."""
    for number, event in enumerate(events, start=1):
        if isinstance(event, Output):
            place = Place(event.node, None, event.rank)
            text, place, marked = of_rank(plain(event.line[:MAX_LINE]), place)
            yield Line(number, text, place, event.at, marked=marked)
        elif isinstance(event, Failure):
            place = Place(event.node, None, event.rank)
            yield Line(number, event.cause, place, event.at, True, event.fix)


def of_log(file: IO[bytes], telling: Telling) -> Iterator[Line]:
    """The lines of a log of any size, text or not, with bars that overwrite themselves.

    Blocks that tell nothing are left out, but for the one after one that does: looking at blocks
    is quick, lines are not. Never are more than two blocks in memory.
    """
    chunks = _utf8(file)
    start = [next(chunks, b""), next(chunks, b"")]
    margin = _margin(start[0][:SNIFF])
    reader = _Reader(margin)
    if not start[1]:
        numbered = _unwrapped(_raws(start[0]), margin)
        if telling.in_block(b"\n".join(raw for _, raw in numbered)):
            yield from reader.lines(numbered)
        return
    number, near = 1, False
    for block in _blocks(chain(start, chunks)):
        tells = telling.in_block(block)
        if tells or near:
            yield from reader.lines(enumerate(_raws(block), number))
        number += block.count(b"\n")
        near = tells


class _Reader:
    """Reads raw lines; `margin` is what all begin with. Long logs repeat themselves, so the last
    lines that were read are remembered."""

    def __init__(self, margin: str) -> None:
        self._margin = margin
        self._prefixes = Prefixes()
        self._remembered: dict[bytes, list[tuple[str, Place, bool]]] = {}

    def lines(self, numbered: Iterable[tuple[int, bytes]]) -> Iterator[Line]:
        for number, raw in numbered:
            for text, place, marked in self.read(raw):
                yield Line(number, text, place, None, False, None, marked)

    def read(self, raw: bytes) -> list[tuple[str, Place, bool]]:
        """The text of each state that the line showed, who printed it, and whether torch marked
        it as uncaught."""
        known = self._remembered.get(raw)
        if known is not None:
            return known
        hosts = len(self._prefixes.hosts)
        states = [self._state(raw)] if b"\r" not in raw else list(map(self._state, _states(raw)))
        if len(self._prefixes.hosts) != hosts or len(self._remembered) >= REMEMBERED:
            # Lines of a host that has just become known would be read differently now.
            self._remembered.clear()
        elif len(raw) <= MAX_REMEMBERED:
            self._remembered[raw] = states
        return states

    def _state(self, state: bytes) -> tuple[str, Place, bool]:
        text = plain(state[:MAX_LINE].decode(errors="replace")).removeprefix(self._margin)
        text, place, marked = self._prefixes.split(text)
        return text.rstrip(), place, marked


def _raws(block: bytes) -> list[bytes]:
    raws = block.split(b"\n")
    return raws if raws[-1] else raws[:-1]


def _unwrapped(raws: list[bytes], margin: str) -> list[tuple[int, bytes]]:
    """The lines of a paste with their numbers; those that were cut at a fixed width are joined."""
    ends = [raw.removesuffix(b"\r") for raw in raws]
    texts = [plain(raw.decode(errors="replace")).removeprefix(margin) for raw in ends]
    blanks = margin.encode()
    found = []
    for group in wrapped.groups(texts):
        first = group[0]
        rest = [ends[index].removeprefix(blanks) for index in group[1:]]
        found.append((first + 1, b"".join([ends[first], *rest]) if rest else raws[first]))
    return found


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

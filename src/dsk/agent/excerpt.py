"""From what a program prints to the lines worth sending on: whole, short, and not too many.

Pure: bytes and the time go in, texts come out. A text that begins with BAR is no line of its own
but how an unfinished line looks now: a progress bar, for one. A later text takes its place.
"""

from __future__ import annotations

from collections.abc import Sequence

from dsk.wire.events import BAR

LONGEST = 16 * 1024
"""Bytes of one line that are sent on."""
RATE = 200
"""Lines a second that are sent on for good; a line counts once more for each KiB that it has."""
BURST = 10 * RATE
"""Lines that are sent on at once after a quiet while."""
NEWEST = 40
"""Of lines that are left out, these are sent on after all: the last words of a flood."""
TAIL = 64 * 1024
BAR_S = 2.0
"""Between two looks at an unfinished line."""


class Lines:
    """Cuts bytes into lines as a terminal would: a carriage return begins the line again."""

    def __init__(self) -> None:
        self._frame = bytearray()
        self._cut = 0
        self._visible = b""
        self.overwritten = False
        """Whether the unfinished line has been begun again, as a progress bar's is."""

    def feed(self, data: bytes) -> list[str]:
        """The lines that end in `data`, without those that are blank."""
        *whole, rest = data.split(b"\n")
        found = []
        for part in whole:
            self._extend(part)
            found.append(self.unfinished())
            self.forget()
        self._extend(rest)
        return [text for text in found if text]

    def unfinished(self) -> str:
        """How the line that has no end yet looks now."""
        if not self._frame.strip():
            return _text(self._visible)
        text = _text(bytes(self._frame))
        return f"{text} … ({self._cut} more bytes of this line)" if self._cut else text

    def forget(self) -> None:
        self._frame.clear()
        self._cut, self._visible, self.overwritten = 0, b"", False

    def _extend(self, part: bytes) -> None:
        before, began_anew, last = part.rpartition(b"\r")
        if began_anew:
            # The newest frame with something in it: blanks only wipe a bar away.
            _, several, frame = before.rstrip().rpartition(b"\r")
            shown = frame if several else bytes(self._frame) + frame
            if shown.strip():
                self._visible = shown[:LONGEST]
            self.overwritten = True
            self._frame.clear()
            self._cut = 0
        self._append(last)

    def _append(self, data: bytes) -> None:
        room = LONGEST - len(self._frame)
        self._frame += data[:room]
        self._cut += max(0, len(data) - room)


class Excerpt:
    """At most RATE lines a second, after BURST at once. `where` says in which file all of them are,
    for the line that tells how many were left out."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._lines = Lines()
        self._room = float(BURST)
        self._at: float | None = None
        self._shut = False
        self._left_out = 0
        self._skipped = 0
        self._tail = b""
        self._bar = ""
        self._bar_at = 0.0
        self._fed_at = 0.0

    def feed(self, data: bytes, now: float) -> list[str]:
        """`now` in seconds, of a clock that never goes back."""
        self._refill(now)
        self._fed_at = now
        if self._shut and self._room < RATE:
            self._leave_out(data)
            return []
        return [*self._reopen(), *self._take(data), *self._look(now)]

    def tick(self, now: float) -> list[str]:
        """To be asked about twice a second while nothing comes, and `pending`."""
        self._refill(now)
        if self._shut and self._room < RATE:
            return []
        return [*self._reopen(), *self._look(now)]

    @property
    def pending(self) -> bool:
        return self._shut or self._lines.unfinished() != self._bar

    def end(self) -> list[str]:
        """What is still held back, and a line that never got its end."""
        texts = self._reopen()
        last = self._lines.unfinished()
        self._lines.forget()
        return [*texts, last] if last else texts

    def _refill(self, now: float) -> None:
        if self._at is not None:
            self._room = min(BURST, self._room + (now - self._at) * RATE)
        self._at = now

    def _take(self, data: bytes) -> list[str]:
        most = max(1, int(self._room))
        rest = parts[-1] if len(parts := data.split(b"\n", most)) > most else b""
        texts = self._lines.feed(data[: len(data) - len(rest)])
        self._charge(texts)
        self._shut = bool(rest) or self._room <= 0
        if rest:
            self._leave_out(rest)
        if b"\n" in data:
            self._bar = ""
        return texts

    def _charge(self, texts: Sequence[str]) -> None:
        self._room -= sum(1 + len(text) // 1024 for text in texts)

    def _leave_out(self, data: bytes) -> None:
        # Nothing is cut into lines here: a rank that prints a gigabyte costs little more than its
        # copying.
        self._left_out += data.count(b"\n")
        self._skipped += len(data)
        self._tail = (self._tail + data[-TAIL:])[-TAIL:]

    def _reopen(self) -> list[str]:
        if not self._shut:
            return []
        tail = self._tail
        if self._skipped > len(tail):
            self._lines.forget()
            tail = tail[tail.find(b"\n") + 1 :]
        texts = self._lines.feed(tail)[-NEWEST:]
        left_out = self._left_out - len(texts)
        self._shut, self._left_out, self._skipped, self._tail = False, 0, 0, b""
        if left_out > 0:
            texts.insert(0, f"dsk: {left_out} lines left out, too many to show; {self._where}")
        self._charge(texts)
        return texts

    def _look(self, now: float) -> list[str]:
        """The unfinished line where it is a bar, or has stood still: not a line on its way."""
        text = self._lines.unfinished()
        since = self._bar_at if self._lines.overwritten else max(self._bar_at, self._fed_at)
        if not text or text == self._bar or now - since < BAR_S:
            return []
        self._bar, self._bar_at = text, now
        self._charge([text])
        return [BAR + text]


def _text(frame: bytes) -> str:
    return frame.decode(errors="replace").rstrip()

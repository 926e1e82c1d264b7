"""Texts that differ in their numbers alone, as one key: what they look like is the same. Pure.

A log's lines repeat themselves, but for counts, times, process ids and addresses in memory. What is
found out about a line's form is remembered by this key.
"""

from __future__ import annotations

import re
from typing import Generic, TypeVar

REMEMBERED = 1 << 9
"""Forms of lines that are remembered: more would push each other out of the processor's cache."""
ONCE = 1 << 12
"""Forms of which it is remembered that they were there once."""
MAX_REMEMBERED = 1 << 10
"""Bytes of a line whose form is remembered."""

_ZEROS = bytes(ord("0") if byte in b"0123456789" else byte for byte in range(256))
# What goes before an address is looked at last: searching for fixed text first is quick.
_ADDRESS = re.compile(rb"0x(?<!\w0x)[0-9a-f]{4,16}(?!\w)")
_CUT_ADDRESS = re.compile(rb"^[0-9a-f]+(?!\w)")


def masked(text: bytes) -> bytes:
    """As many bytes as the text has; each digit, and each in an address in memory, is 0."""
    key = text.translate(_ZEROS)
    return _ADDRESS.sub(_zeros, key) if b"0x" in key else key


def masked_part(text: bytes) -> bytes:
    """What is in `masked(line)` of each line that holds the text; empty where nothing is sure."""
    # The text may begin in an address, or end in one.
    return _CUT_ADDRESS.sub(b"", text.translate(_ZEROS)).partition(b"0x")[0]


def _zeros(match: re.Match[bytes]) -> bytes:
    return b"0x" + b"0" * (len(match[0]) - 2)


Value = TypeVar("Value")


class Recent(Generic[Value]):
    """What is known of the forms that were there at least twice lately. To keep what is never asked
    for again takes longer than to find it out."""

    def __init__(self) -> None:
        self._known: dict[bytes, Value] = {}
        self._once: set[int] = set()
        self.get = self._known.get

    def offer(self, key: bytes, value: Value) -> None:
        """Keep the value if the key is here for the second time."""
        mark = hash(key)
        if mark not in self._once:
            if len(self._once) >= ONCE:
                self._once.clear()
            self._once.add(mark)
        elif len(key) <= MAX_REMEMBERED:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[key] = value

    def clear(self) -> None:
        self._known.clear()

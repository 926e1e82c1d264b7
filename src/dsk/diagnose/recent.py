"""A memory of what was found out about the forms of lines, of a fixed size."""

from __future__ import annotations

from typing import Generic, TypeVar

REMEMBERED = 1 << 9
"""Forms of lines that are remembered: more would push each other out of the processor's cache."""
ONCE = 1 << 12
"""Forms of which it is remembered that they were there once."""
MAX_REMEMBERED = 1 << 10
"""Bytes of a line whose form is remembered."""

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

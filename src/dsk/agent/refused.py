"""What an agent answers instead of a result, in words."""

from __future__ import annotations

from dsk.text import Text


class Refused(Exception):
    def __init__(self, text: Text) -> None:
        super().__init__(text.in_language("en"))
        self.text = text

"""Where in a job's stream of events a line is: lines of their own among those of `dsk-agent logs`.

Whoever follows a job asks for what comes after the last line that it has, by this and not by time:
a clock may be set back. The stream is two files that take turns (dsk.rotated), so a position names
the file by its beginning, a byte in it, and a number of lines from there on.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace

ASKED_FOR = "DSK_LOG_POSITIONS"
"""In the environment of `dsk-agent logs`, and no option: an older image's agent ignores it."""
_KEY = "position"


@dataclass(frozen=True)
class Position:
    file: str
    offset: int
    lines: int = 0

    def after(self, lines: int) -> Position:
        """So many lines further on."""
        return replace(self, lines=self.lines + lines)

    def __str__(self) -> str:
        return f"{self.file}:{self.offset}:{self.lines}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """Raises ValueError where the text is no position."""
        file, offset, lines = text.split(":")
        return cls(file, int(offset), int(lines))

    def to_line(self) -> bytes:
        return json.dumps({_KEY: str(self)}).encode() + b"\n"

    @classmethod
    def from_line(cls, line: str) -> Position | None:
        """None where the line is an event."""
        if not line.startswith(f'{{"{_KEY}": '):
            return None
        return cls.parse(json.loads(line)[_KEY])


def name_of(beginning: bytes) -> str:
    """Of a file, by its first line or as much as there is of it in `beginning`."""
    return hashlib.blake2s(beginning.partition(b"\n")[0], digest_size=8).hexdigest()

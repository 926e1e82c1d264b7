"""What the ranks of this node write, read from their log files as it comes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

LONGEST = 16 * 1024
"""Bytes of one line that travel; the rest stays in the rank's log file."""
CHUNK = 1024 * 1024
_RANK = re.compile(r"_rank(\d+)\.log$")


@dataclass
class _Place:
    path: Path
    offset: int = 0
    rest: bytes = b""


class RankLogs:
    """Follows every `*_rank<N>.log` in one folder, as DeepSpeed's launch.py names them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._places: dict[int, _Place] = {}

    def read(self, *, last: bool = False) -> list[tuple[int, str]]:
        """New whole lines as (rank, text); `last` also gives a line that has no end yet."""
        for path in self._folder.glob("*_rank*.log"):
            if match := _RANK.search(path.name):
                self._places.setdefault(int(match[1]), _Place(path))
        lines: list[tuple[int, str]] = []
        for rank, place in sorted(self._places.items()):
            lines += [(rank, line) for line in _read(place, last=last)]
        return lines


def _read(place: _Place, *, last: bool) -> list[str]:
    with place.path.open("rb") as file:
        file.seek(place.offset)
        data = file.read(CHUNK)
    place.offset += len(data)
    *whole, place.rest = (place.rest + data).split(b"\n")
    if last or len(place.rest) > LONGEST:
        whole, place.rest = [*whole, place.rest], b""
    return [text for line in whole if (text := _shown(line))]


def _shown(line: bytes) -> str:
    """The line as a terminal would end up showing it: a carriage return begins it anew."""
    frames = [frame for frame in line.split(b"\r") if frame.strip()]
    return frames[-1][:LONGEST].decode(errors="replace").rstrip() if frames else ""

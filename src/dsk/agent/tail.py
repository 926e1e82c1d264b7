"""What ranks write to log files of their own, as DeepSpeed's launch.py lets them."""

from __future__ import annotations

import re
import time
from pathlib import Path

from dsk.agent.output import LONGEST, Line, shown

CHUNK = 1024 * 1024
_RANK = re.compile(r"_rank(\d+)\.log$")


class RankLog:
    """One rank's file, read as a RankOutput is; an offset is one in bytes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, offset: int, limit: int, *, last: bool = False) -> tuple[list[Line], int]:
        """`last` also gives a line that has no end yet."""
        with self._path.open("rb") as file:
            file.seek(offset)
            data = file.read(CHUNK)
        lines: list[Line] = []
        for raw in _split(data):
            if not raw.endswith(b"\n") and not last and len(raw) < LONGEST:
                break
            if text := shown(raw):
                lines.append(Line(offset, time.time(), text))
            offset += len(raw)
            if len(lines) == limit:
                break
        return lines, offset


def _split(data: bytes) -> list[bytes]:
    """By line feeds alone, kept: a carriage return does not end a line."""
    *whole, rest = data.split(b"\n")
    return [line + b"\n" for line in whole] + ([rest] if rest else [])


def rank_logs(folder: Path) -> dict[int, RankLog]:
    """Every `*_rank<N>.log` in the folder, as launch.py names them, by rank."""
    found = ((_RANK.search(path.name), path) for path in folder.glob("*_rank*.log"))
    return {int(match[1]): RankLog(path) for match, path in found if match}

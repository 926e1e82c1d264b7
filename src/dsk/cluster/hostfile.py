"""DeepSpeed's hostfile, as its runner reads it (launcher/runner.py, 0.19.8). Pure."""

from __future__ import annotations

import re

from dsk.errors import UserError

_LINE = re.compile(r"(\S+)\s+slots=(\d+)")
_TYPO = re.compile(r"(\S+)\s+slots?\s*[-:=\s]\s*(\d+)", re.IGNORECASE)


def parse(text: str, name: str) -> dict[str, int]:
    """Host (address or name) to slots, in order; `name` is the file's. Raises UserError."""
    found: dict[str, int] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.partition("#")[0].strip()
        if not line:
            continue
        where = f"{name}:{number}"
        match = _LINE.fullmatch(line)
        if not match:
            raise UserError(f"{line!r} is not `HOST slots=N`", where=where, fix=_fix(line))
        host, slots = match[1], int(match[2])
        if host in found:
            raise UserError(f"{host} is there twice", where=where, fix="delete one of the lines")
        found[host] = slots
    if not found:
        raise UserError("names no host", where=name, fix="write a line such as: 10.0.0.11 slots=4")
    return found


def _fix(line: str) -> str:
    if typo := _TYPO.fullmatch(line):
        return f"write {typo[1]} slots={typo[2]} (DeepSpeed wants an equals sign, and no blanks)"
    return f"write {line.split(maxsplit=1)[0]} slots=4"

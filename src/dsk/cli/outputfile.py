"""The file that a command writes for its user."""

from __future__ import annotations

from pathlib import Path

from dsk.errors import UserError
from dsk.files import write_atomic
from dsk.text import Text


def write_output(path: Path, data: bytes, *, fix: Text | None = None) -> None:
    """In one step. Raises UserError, with `fix`, where it cannot be written."""
    try:
        write_atomic(path, data)
    except OSError as error:
        text = Text("cannot be written: {why}").filled(why=error.strerror)
        raise UserError(text, where=str(path), fix=fix) from error

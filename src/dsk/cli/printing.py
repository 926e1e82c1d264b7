"""Whatever dsk prints is printed here: filtered for the terminal, in characters that it has."""

from __future__ import annotations

import os
import re
import sys
from typing import IO, Any, NoReturn

import click

from dsk.cli.controls import printable
from dsk.cli.language import preferred
from dsk.text import Text

BROKEN_PIPE = 141
"""The exit code where the reader has gone (`dsk logs | head`): as if SIGPIPE had ended dsk."""
_JSON_CONTROLS = re.compile(r"[\x7f-\x9f]")
"""Allowed as they are in JSON (RFC 8259), but C1 controls move terminals."""


def prepare() -> None:
    """For the whole process. A character that the terminal's encoding lacks is printed as its
    escape, as is a byte of a file's name that is not UTF-8."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def colourless() -> bool:
    """https://no-color.org; terminals that call themselves dumb."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


def draws() -> bool:
    """Whether standard output is a terminal on which lines can be drawn over."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def encodes(text: str) -> bool:
    """Whether standard output has these characters."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def in_words(text: Text) -> str:
    """In the user's language."""
    return text.in_language(preferred())


def echo(text: str | Text = "", *, err: bool = False, nl: bool = True) -> None:
    """Prints a text in the user's language, or lines as they are; without any control character
    but tabs and, on a terminal, colours. Without `nl` the last one is not ended, as before an
    answer."""
    said = in_words(text) if isinstance(text, Text) else text
    _write(printable(said), sys.stderr if err else sys.stdout, nl=nl)


def confirm(question: Text) -> bool:
    """Asks at the terminal; no is the default."""
    return click.confirm(printable(in_words(question)), default=False)


def draw(text: str) -> None:
    """Prints dsk's own control sequences. Nothing that came from elsewhere may be in `text`."""
    _write(text, sys.stdout, nl=False)


def echo_json(value: Any, *, indent: int | None = 1) -> None:
    """One JSON object. Figures that JSON does not have are strings, as `wire.strictjson` says."""
    from dsk.wire.strictjson import dumps

    echo_json_text(dumps(value, indent=indent))


def echo_json_text(text: str) -> None:
    """`text` is JSON already."""
    text = _JSON_CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    _write(text, sys.stdout, nl=True)


class ReaderGone(SystemExit):
    """Ends dsk because the program that reads its output has exited."""


def reader_gone() -> NoReturn:
    """Raises ReaderGone. Python would complain about the closed output once more when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise ReaderGone(BROKEN_PIPE)


def _write(text: str, stream: IO[str], *, nl: bool) -> None:
    # With `file` named, click does not choose an encoding of its own.
    try:
        click.echo(text, file=stream, nl=nl, color=False if colourless() else None)
    except BrokenPipeError:
        reader_gone()

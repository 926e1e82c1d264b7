"""Text without what controls a terminal. What others print can colour its line and no more."""

from __future__ import annotations

import re

END_OF_COLOURS = "\x1b[0m"
_CONTROLS = re.compile(
    r"\x1b\[(?![0-9;:]*m)[0-?]*[ -/]*[@-~]|\x9b[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x80-\x9f]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b(?!\[[0-9;:]*m)[ -/]*[0-~]?"
    r"|[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f]"
)
"""By ECMA-48: CSI sequences other than plain colours (`m`), control strings (OSC 52 writes to the
clipboard), other escapes (ESC c resets a terminal), and single control characters but tabs."""


def coloured(line: str) -> str:
    """One line with its colours, which end with it, and without all else that moves a terminal."""
    text = _CONTROLS.sub("", line)
    if "\x1b" not in text or text.endswith(END_OF_COLOURS):
        return text
    return f"{text}{END_OF_COLOURS}"


def printable(text: str) -> str:
    """The same of a text that may have several lines."""
    return "\n".join(coloured(line) for line in text.split("\n"))

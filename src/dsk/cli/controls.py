"""What a rank prints can colour its line on a terminal and no more."""

from __future__ import annotations

import re

END_OF_COLOURS = "\x1b[0m"
_CONTROLS = re.compile(
    r"\x1b\[[0-9;:?]*[@-ln-~]"  # moves the cursor, clears; `m` colours, and may stay
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1b(?!\[[0-9;:]*m)"
    r"|[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f]"
)


def coloured(line: str) -> str:
    """One line with its colours, which end with it, and without all else that moves a terminal."""
    text = _CONTROLS.sub("", line)
    return f"{text}{END_OF_COLOURS}" if "\x1b" in text else text


def coloured_lines(text: str) -> str:
    """The same of a text that may have several lines."""
    return "\n".join(coloured(line) for line in text.split("\n"))

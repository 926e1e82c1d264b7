"""The exception that ended a rank, by the last lines that it printed. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

_EXCEPTION = re.compile(r"(?:\[rank\d+\]: )?((?:\w+\.)*\w*(?:Error|Exception|Interrupt)\b.*)")
"""The last line of a traceback, with or without torch's prefix."""


def exception(lines: Sequence[str]) -> str | None:
    """The newest one: its type and message."""
    return next((match[1] for line in reversed(lines) if (match := _EXCEPTION.match(line))), None)

"""Files of variables as a shell reads them (stack.env, accelerators/). Standard library only."""

from __future__ import annotations

import shlex


def parse(text: str) -> dict[str, str]:
    """`NAME=value` and comments; nothing is substituted. Raises ValueError."""
    return dict(word.split("=", 1) for word in shlex.split(text, comments=True))

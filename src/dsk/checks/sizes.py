"""Numbers as people read and compare them."""

from __future__ import annotations

GIB = 1024**3


def gib(count: float) -> str:
    """`count` bytes, as `12.3 GiB`."""
    return f"{count / GIB:.1f} GiB"


def version(text: str) -> tuple[int, ...]:
    """Of `535.104.05`, for comparing."""
    return tuple(int(part) for part in text.split(".") if part.isdecimal())

"""An engine that neither takes nor gives anything of an image."""

from __future__ import annotations

from dsk.errors import Unreachable
from dsk.text import Text

# A slow engine packs a whole image before the first byte of `docker save`, and unpacks it after the
# last byte of `docker load`.
LIMIT_S = 1800.0


def stalled(text: Text, where: str | Text) -> Unreachable:
    return Unreachable(
        text,
        where=where,
        fix=Text(
            "check that its engine answers (there: docker info) and that its disk works, then retry"
        ),
    )

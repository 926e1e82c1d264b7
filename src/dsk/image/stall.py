"""An engine that neither takes nor gives anything of an image."""

from __future__ import annotations

from dsk.errors import Unreachable

# A slow engine packs a whole image before the first byte of `docker save`, and unpacks it after the
# last byte of `docker load`.
LIMIT_S = 1800.0


def stalled(what: str, where: str) -> Unreachable:
    """`what` as `docker save has sent`."""
    return Unreachable(
        f"{what} nothing for {LIMIT_S / 60:.0f} min",
        where=where,
        fix="see whether that engine answers (there: docker info) and its disk does, then again",
    )

"""Who printed a line."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """`node` is the index in dsk.yaml, `host` what a pasted log calls the machine, container or
    task that printed it. A tuple, which is quick to look up: long logs have millions of lines."""

    node: int | None = None
    host: str | None = None
    rank: int | None = None

"""Who printed a line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """`node` is the index in dsk.yaml, `host` what a pasted log calls the machine, container or
    task that printed it."""

    node: int | None = None
    host: str | None = None
    rank: int | None = None

"""What fleet tells while it works; the CLI prints it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dsk.cluster.model import Node


@dataclass(frozen=True)
class Said:
    """A line for the user; `node` None where it concerns the cluster."""

    text: str
    node: Node | None = None


@dataclass(frozen=True)
class Transferred:
    """The image on its way to `node`: `done` of `total` bytes on the wire.

    `total` may grow while the image is still being read, and is about right where an engine streams
    it (docker save says no size).
    """

    node: Node
    done: int
    total: int


@dataclass(frozen=True)
class NodeDone:
    """A node is as it should be; `text` says what that took."""

    node: Node
    text: str


Report = Callable[[Said | Transferred | NodeDone], None]

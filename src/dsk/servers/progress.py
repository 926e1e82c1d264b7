"""What a command tells while it works on the nodes; the CLI prints it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dsk.cluster.model import Node
from dsk.text import Text


@dataclass(frozen=True)
class Said:
    """A line for the user; `node` None where it concerns the cluster."""

    text: Text
    node: Node | None = None


@dataclass(frozen=True)
class Transferred:
    """The image on its way to `node`: `done` of `total` bytes on the wire.

    `total` is None while it is not known: the image is still being read, or an engine streams more
    than the image's size (`docker save` says no size of its own).
    """

    node: Node
    done: int
    total: int | None


@dataclass(frozen=True)
class NodeDone:
    """A node is as it should be; `text` says what that took."""

    node: Node
    text: Text


def known_total(done: int, size: int) -> int | None:
    """The total of what `docker save` sends for an image of `size` bytes: its tar may be larger,
    and how much larger is not known."""
    return size if done <= size else None


def packing(name: str | Text) -> Said:
    """`docker save` sends nothing until it has read the image: up to a minute of silence."""
    return Said(
        Text("{name} packs the image (docker save); sending starts after that").filled(name=name)
    )


def unpacking(node: Node) -> Said:
    return Said(Text("has received everything; its engine is unpacking the layers"), node)


Tell = Callable[[Said | Transferred | NodeDone], None]

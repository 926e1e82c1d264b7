"""What the registry in a container of the image tells the operator's side, one JSON object a line.

`Opened` comes first, then a `Ready` for every group of layers that can be pulled, the last of them
the image itself. `Broken` ends it. See dsk.agent.registry and dsk.image.sync.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dsk.wire.tagged import Tagged


@dataclass(frozen=True)
class Opened:
    """It listens at `address` (host:port). `ca`, `cert` and `key` are PEM: what a client needs."""

    address: str
    ca: str
    cert: str
    key: str


@dataclass(frozen=True)
class Ready:
    """A manifest of the lowest `layers` layers; `whole` where it is the image's own.

    `blobs`: what they are on the wire, digest to bytes.
    """

    layers: int
    digest: str
    blobs: Mapping[str, int]
    whole: bool


@dataclass(frozen=True)
class Broken:
    """Why nothing more will come."""

    cause: str


Message = Opened | Ready | Broken
_LINES = Tagged("message", "a message", Opened, Ready, Broken)


def encode(message: Message) -> str:
    return _LINES.encode(message)


def decode(line: str) -> Message:
    """Raises ValueError where the line is none of a registry's messages."""
    message: Message = _LINES.decode(line)
    return message

"""Files on their way between the nodes' workspaces: the order, what lies there, what is told.

The operator's side starts `python -m dsk.supervisor.transfer` in the master's worker and writes an
Order as the first line of its input; it gets events, one JSON object a line. After Asked nothing
goes on before the line GO. When the input ends, so does the transfer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from dsk.text import Text
from dsk.wire import PROTOCOL
from dsk.wire.jobspec import JobNode, of_this_protocol
from dsk.wire.tagged import Tagged

GO = "go"
PARTIAL = ".dsk-partial"
"""The folder beside a file in which rsync keeps what has arrived of it."""


@dataclass(frozen=True)
class Order:
    """`path` is relative to the workspace, "." the workspace itself; `nodes` begins with the
    master. `delete`: what only the other nodes have there goes. `prefer_master`: where a file
    differs, the master's stays."""

    kind: Literal["push", "pull"]
    workspace: str
    path: str
    nodes: tuple[JobNode, ...]
    delete: bool = False
    prefer_master: bool = False
    protocol: int = PROTOCOL

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Order:
        """Raises ProtocolMismatch where the text is of another protocol number."""
        return cls(**of_this_protocol(text))


@dataclass(frozen=True)
class Entry:
    """One thing below a workspace. `path` is relative to it; `size` in bytes, 0 unless a file;
    `mode` the permission bits; `link` where a symbolic link points."""

    path: str
    kind: Literal["file", "folder", "link"]
    size: int = 0
    mode: int = 0
    link: str = ""


@dataclass(frozen=True)
class Listing:
    """What lies at the paths asked for, by path. `partials`: bytes of each file that have arrived
    in an earlier transfer; `free`: bytes free on the disk there. `behind` are sentences about paths
    asked for that lead through a symbolic link, `problems` about what below them cannot be sent.
    `skipped` is the number of sockets, pipes and devices; `astray` are links to places in the
    workspace that were not asked for."""

    entries: Mapping[str, Entry]
    partials: Mapping[str, int]
    free: int
    behind: tuple[Text, ...] = ()
    problems: tuple[Text, ...] = ()
    skipped: int = 0
    astray: tuple[str, ...] = ()


@dataclass(frozen=True)
class Said:
    """A line for the user; `node` where it concerns one."""

    text: Text
    node: int | None = None


@dataclass(frozen=True)
class Planned:
    """What will go to (push) or come from (pull) a node; `delete` are the paths that will go."""

    node: int
    files: int
    bytes: int
    delete: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """Every Planned has been told, and some name what will be deleted: waits for GO."""


@dataclass(frozen=True)
class Moved:
    """`done` of `total` bytes, `rate` in bytes per second since the node's transfer began."""

    node: int
    done: int
    total: int
    rate: float


@dataclass(frozen=True)
class Done:
    """A node has, or has given, everything; `checked` files were compared by SHA-256."""

    node: int
    files: int
    bytes: int
    checked: int
    deleted: int
    seconds: float


@dataclass(frozen=True)
class Failed:
    """`code` is dsk's exit code for it; `node` None: the transfer as a whole."""

    message: Text
    code: int
    node: int | None = None
    fix: Text | None = None


Event = Said | Planned | Asked | Moved | Done | Failed
_LINES = Tagged("event", "an event", Said, Planned, Asked, Moved, Done, Failed)


def encode(event: Event) -> str:
    return _LINES.encode(event)


def for_programs(event: Event) -> str:
    """As --json prints it: in English, without templates."""
    return _LINES.for_programs(event)


def decode(line: str) -> Event:
    """Raises ValueError where the line is no event of a transfer."""
    event: Event = _LINES.decode(line)
    return event

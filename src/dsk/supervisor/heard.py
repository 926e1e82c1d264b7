"""What is heard of a running attempt, from whatever thread, in one queue."""

from __future__ import annotations

from dataclasses import dataclass

from dsk.text import Text
from dsk.wire.figures import NodeFigures
from dsk.wire.jobspec import JobNode
from dsk.wire.progress import Progress


@dataclass(frozen=True)
class Lines:
    """What ranks of `node` printed, as (global rank, line)."""

    node: JobNode
    lines: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Reported:
    """`at`: the supervisor's clock, seconds since the epoch."""

    node: JobNode
    at: float
    report: NodeFigures


@dataclass(frozen=True)
class RankEnded:
    """`rank` is None where DeepSpeed's launcher does not say which. `at` is of time.monotonic().
    `oom`: by the kernel, out of memory, if by signal 9. `progress`: the last that it reported."""

    node: JobNode
    rank: int | None
    code: int
    at: float
    oom: bool = False
    progress: Progress | None = None


@dataclass(frozen=True)
class Reach:
    """Whether `node` is in reach: `broken` is why not, None where it is again."""

    node: JobNode
    broken: Text | None


@dataclass(frozen=True)
class Lost:
    """Nothing more will be heard of `node`; `why` is a sentence about it."""

    node: JobNode
    why: Text
    fix: Text | None


@dataclass(frozen=True)
class LauncherLine:
    """DeepSpeed's launcher, on `node` or in the master container (None)."""

    node: JobNode | None
    text: str


@dataclass(frozen=True)
class LauncherEnded:
    """DeepSpeed's launcher has ended, whether or not its ranks have."""

    node: JobNode | None
    why: Text
    code: int


Heard = Lines | Reported | RankEnded | Reach | Lost | LauncherLine | LauncherEnded

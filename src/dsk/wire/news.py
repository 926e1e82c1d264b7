"""What a job's agent has to tell since it was last asked: the answer to operations.AskNews."""

from __future__ import annotations

from dataclasses import dataclass

from dsk.wire.figures import NodeFigures
from dsk.wire.progress import Progress

BEFORE_ATTEMPTS = -1
"""In place of an attempt's number until the first one begins: there is no news but reports."""


@dataclass(frozen=True)
class RankLines:
    """Lines of one rank in its order; `next` is the offset to ask from the next time."""

    rank: int
    lines: tuple[str, ...]
    next: int


@dataclass(frozen=True)
class RankExit:
    """`code` as in subprocess: negative where a signal ended the rank. `ago` in seconds, by the
    node's own clock. `oom`: the kernel has killed something in the worker because it was out of
    memory. `progress` is the last that the rank reported, None where it reported nothing."""

    rank: int
    code: int
    ago: float
    oom: bool = False
    progress: Progress | None = None


@dataclass(frozen=True)
class News:
    """`exits` are all of the attempt so far; `report` is None where the last one is known."""

    lines: tuple[RankLines, ...] = ()
    exits: tuple[RankExit, ...] = ()
    report: NodeFigures | None = None

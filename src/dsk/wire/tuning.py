"""One point of `dsk tune`: what its ranks are asked for, and what each of them prints."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

WORD = "--measure="
"""Begins a word for dsk.rank; the seconds that the measured steps may take follow."""
WARM_UP = 2
"""Optimizer steps with the longest samples, before those that are timed: the second has the
optimizer's states in memory from its beginning."""
MOST_STEPS = 12
"""Timed at most."""
STEPS = WARM_UP + MOST_STEPS
MARK = "dsk-tune: "


def word(seconds: float) -> str:
    return f"{WORD}{seconds:g}"


@dataclass(frozen=True)
class Memory:
    """Bytes. `kind` is "cuda" (what PyTorch's allocator holds on the rank's GPU), "cgroup" (what
    the worker's processes hold, of the container's limit), or "host" (of the server's memory).
    `reserved` is what the allocator had taken from the GPU; `start` was held before the model."""

    kind: str
    peak: int
    limit: int
    reserved: int = 0
    start: int = 0


@dataclass(frozen=True)
class Tuned:
    """One rank's result. `ran_out` is the kind of memory that it ran out of, "" where it did not;
    `why` the library's words. `batch_s` is the mean of a micro-batch, and `step_s` what an
    optimizer step takes beside its micro-batches (0 where both were measured as one); `noise` is
    the relative standard error of their sum. `tokens` are those of a row of the data on average,
    `longest` those of the longest one; a row is one of the `samples`, or `per_row` of them on
    average where they are packed."""

    rank: int
    steps: int = 0
    batch_s: float = 0.0
    step_s: float = 0.0
    noise: float = 0.0
    samples: int = 0
    tokens: float = 0.0
    longest: int = 0
    per_row: float = 1.0
    memory: tuple[Memory, ...] = ()
    ran_out: str = ""
    why: str = ""

    def to_line(self) -> str:
        return MARK + json.dumps(asdict(self))

    @classmethod
    def from_line(cls, line: str) -> Tuned | None:
        """None where the line is something else."""
        if not line.startswith(MARK):
            return None
        try:
            raw: dict[str, Any] = json.loads(line.removeprefix(MARK))
            memory = tuple(Memory(**each) for each in raw.pop("memory"))
            return cls(memory=memory, **raw)
        except (ValueError, TypeError, KeyError):
            return None

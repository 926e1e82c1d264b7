"""How long a micro-batch and an optimizer step take, from the moments of a few. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

FEWEST = 3
STABLE = 0.01


@dataclass(frozen=True)
class Timing:
    """Seconds of a micro-batch, and of an optimizer step beside its micro-batches; `noise` is the
    relative standard error."""

    batch_s: float
    step_s: float
    noise: float


@dataclass(frozen=True)
class Step:
    """Seconds of each micro-batch of one optimizer step; the last has the step itself in it."""

    batches: tuple[float, ...]

    @property
    def seconds(self) -> float:
        return sum(self.batches)


def timing(steps: Sequence[Step]) -> Timing:
    """Of one step at least, all of them with as many micro-batches."""
    count = len(steps[0].batches)
    whole = mean(step.seconds for step in steps)
    noise = _noise([step.seconds for step in steps])
    if count == 1:
        return Timing(whole, 0.0, noise)
    batch = mean(seconds for step in steps for seconds in step.batches[:-1])
    # The last micro-batch takes as long as the others; noise must not make the step shorter.
    step = max(0.0, whole - count * batch)
    return Timing((whole - step) / count, step, noise)


def enough(steps: Sequence[Step], limit_s: float) -> bool:
    """Whether no further step is to be timed."""
    if len(steps) < FEWEST:
        return len(steps) >= 1 and sum(step.seconds for step in steps) > 2 * limit_s
    return (
        _noise([step.seconds for step in steps]) <= STABLE
        or sum(step.seconds for step in steps) > limit_s
    )


def _noise(seconds: Sequence[float]) -> float:
    if len(seconds) < 2:
        return 1.0
    error = stdev(seconds) / float(len(seconds)) ** 0.5
    return float(error / mean(seconds))

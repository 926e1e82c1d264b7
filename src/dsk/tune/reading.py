"""What the ranks of a point printed, as the point's result. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from dsk.tune.points import Result, Setting
from dsk.wire.tuning import Memory, Tuned

KILLED = "kernel"
"""The memory of a rank that the kernel's out-of-memory killer ended."""


def result(
    setting: Setting,
    world_size: int,
    tuned: Sequence[Tuned],
    *,
    killed: bool,
    cause: str,
    seconds: float,
) -> Result:
    """`tuned` are the lines of the ranks that printed one; `killed`: the kernel killed something in
    a worker, out of memory. `cause` is the job's failure, "" where it succeeded."""
    fullest = _fullest(tuned)
    peak, limit = (fullest.peak, fullest.limit) if fullest else (0, 0)
    memory = fullest.kind if fullest else ""
    reserved = fullest.reserved if fullest else 0
    out = next((each for each in tuned if each.ran_out), None)
    if out or killed:
        kind = out.ran_out if out else KILLED
        why = out.why if out else cause
        return Result(
            setting, "memory", peak=peak, limit=limit, memory=kind, why=why, seconds=seconds
        )
    timed = [each for each in tuned if each.steps]
    if cause or len(timed) < world_size:
        why = cause or f"{len(timed)} of {world_size} ranks reported a result"
        return Result(setting, "failed", why=why, seconds=seconds)
    slowest = max(timed, key=lambda each: _step(setting, each))
    # Rows of the data, which are its samples unless they are packed.
    rate = world_size * setting.micro * setting.accumulation / _step(setting, slowest)
    return Result(
        setting,
        "measured",
        samples_per_s=rate * slowest.per_row,
        tokens_per_s=rate * slowest.tokens,
        noise=slowest.noise,
        peak=peak,
        reserved=reserved,
        limit=limit,
        memory=memory,
        seconds=seconds,
        samples=slowest.samples,
    )


def _step(setting: Setting, tuned: Tuned) -> float:
    """Seconds of one optimizer step with the setting's accumulation, of which up to two
    micro-batches were measured."""
    return setting.accumulation * tuned.batch_s + tuned.step_s


def _fullest(tuned: Sequence[Tuned]) -> Memory | None:
    """The memory that has the smallest share left; of the accelerator where two are alike."""
    every = [memory for each in tuned for memory in each.memory if memory.limit]
    return max(every, key=lambda memory: memory.peak / memory.limit, default=None)

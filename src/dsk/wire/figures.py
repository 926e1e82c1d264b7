"""What a job's agent reports of its node every few seconds: figures of ranks, memory and GPUs."""

from __future__ import annotations

from dataclasses import dataclass

from dsk.wire.progress import Progress

LOW_DISK_BYTES = 10 * 1024**3
"""Less free space than one checkpoint of a small model needs."""


@dataclass(frozen=True)
class RankFigures:
    """`pid` in the worker, None where the rank's process is gone or not there yet. `state` is the
    process's in proc(5): "R" runs, "S" waits, "D" waits for a disk, "T" is stopped. `progress` is
    None until the rank has said something."""

    rank: int
    pid: int | None
    state: str | None
    progress: Progress | None


@dataclass(frozen=True)
class HostFigures:
    """Bytes of memory and of the workspace's disk (None: it could not be asked); `load` is the mean
    number of runnable processes over one minute."""

    memory_total: int
    memory_available: int
    disk_free: int | None
    load: float


@dataclass(frozen=True)
class GpuFigures:
    """`used` in percent of the time, memory in bytes, degrees Celsius, watts; None: not told."""

    index: int
    used: float | None
    memory_used: float | None
    memory_total: float | None
    temperature: float | None
    power: float | None


@dataclass(frozen=True)
class NodeFigures:
    """`number` counts the reports of one agent."""

    number: int
    ranks: tuple[RankFigures, ...]
    host: HostFigures
    gpus: tuple[GpuFigures, ...] = ()

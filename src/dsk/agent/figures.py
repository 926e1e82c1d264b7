"""How this node and its ranks are: the contents of a wire NodeFigures."""

from __future__ import annotations

import contextlib
import csv
import os
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from dsk.accelerators import accelerator, here
from dsk.agent import processes
from dsk.wire import paths
from dsk.wire.figures import GpuFigures, HostFigures, NodeFigures, RankFigures
from dsk.wire.progress import Progress

GPU_LIMIT_S = 5.0
EVERY_S = 2.0
FRESH_S = 15.0
"""An older answer is left out of reports."""
COLUMNS = 6
MIB = 1 << 20

T = TypeVar("T")


class Figures:
    """Reports of one node, which never wait: what may block for ever, such as a network disk or the
    maker's tool of a GPU that hangs, is asked by threads of its own until `closed`."""

    def __init__(self, workspace: str, closed: threading.Event) -> None:
        command = accelerator(here()).figures
        self._disk: Sample[int | None] = Sample(partial(_disk_free, workspace), None, closed)
        self._gpus: Sample[tuple[GpuFigures, ...]] | None = (
            Sample(partial(_gpus, command), (), closed) if command else None
        )

    def report(self, number: int, job: str, pids: Mapping[int, int | None]) -> NodeFigures:
        """`pids`: each rank's process, None where it has ended."""
        ranks = tuple(_rank(job, rank, pid) for rank, pid in sorted(pids.items()))
        gpus = self._gpus.newest() if self._gpus else ()
        return NodeFigures(number, ranks, _host(self._disk.newest()), gpus)


class Sample(Generic[T]):
    """The newest answer of `ask`, which is called every EVERY_S seconds by a thread of its own."""

    def __init__(self, ask: Callable[[], T], otherwise: T, closed: threading.Event) -> None:
        self._ask = ask
        self._otherwise = otherwise
        self._closed = closed
        self._answer: tuple[float, T] | None = None
        threading.Thread(target=self._run, daemon=True).start()

    def newest(self) -> T:
        """`otherwise` where there is none, or none that is fresh."""
        if self._answer is None or time.monotonic() - self._answer[0] > FRESH_S:
            return self._otherwise
        return self._answer[1]

    def _run(self) -> None:
        while True:
            # Whatever a maker's tool prints: the next answer may be a good one.
            with contextlib.suppress(Exception):
                self._answer = (time.monotonic(), self._ask())
            if self._closed.wait(EVERY_S):
                return


def _rank(job: str, rank: int, pid: int | None) -> RankFigures:
    found = processes.stat(pid) if pid else None
    return RankFigures(
        rank, pid if found else None, found.state if found else None, progress(job, rank)
    )


def with_progress(job: str) -> list[int]:
    """The ranks on this node that have told how far they are, ended ones too."""
    return [int(path.name) for path in Path(paths.PROGRESS, job).glob("*") if path.name.isdigit()]


def progress(job: str, rank: int) -> Progress | None:
    """The rank's last word of itself, None where there is none."""
    try:
        return Progress.from_json(Path(paths.progress(job, rank)).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return None


def _disk_free(workspace: str) -> int | None:
    try:
        disk = os.statvfs(workspace)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize


def _host(disk_free: int | None) -> HostFigures:
    memory = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    return HostFigures(
        _bytes(memory["MemTotal"]), _bytes(memory["MemAvailable"]), disk_free, os.getloadavg()[0]
    )


def _bytes(kibibytes: str) -> int:
    return int(kibibytes.split(maxsplit=1)[0]) * 1024


def _gpus(command: str) -> tuple[GpuFigures, ...]:
    """Empty where the maker's tool has nothing to say within GPU_LIMIT_S."""
    try:
        done = subprocess.run(
            shlex.split(command),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=GPU_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return gpu_reports(done.stdout) if done.returncode == 0 else ()


def gpu_reports(listing: str) -> tuple[GpuFigures, ...]:
    """From CSV as nvidia-smi prints it: memory in MiB, `[N/A]` for what the GPU does not tell. Rows
    that look otherwise, such as a warning among them, are left out."""
    rows = csv.reader(listing.splitlines(), skipinitialspace=True)
    return tuple(filter(None, map(_gpu, rows)))


def _gpu(row: Sequence[str]) -> GpuFigures | None:
    if len(row) != COLUMNS or not row[0].isdecimal():
        return None
    used, memory_used, memory_total, temperature, power = map(_number, row[1:])
    return GpuFigures(
        int(row[0]),
        used,
        memory_used and memory_used * MIB,
        memory_total and memory_total * MIB,
        temperature,
        power,
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None

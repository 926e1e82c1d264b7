"""How this node and its ranks are: the contents of a wire NodeReport."""

from __future__ import annotations

import csv
import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from dsk.accelerators import accelerator, here
from dsk.agent import processes
from dsk.wire import paths
from dsk.wire.progress import Progress
from dsk.wire.report import GpuReport, HostReport, NodeReport, RankReport

GPU_LIMIT_S = 5.0
MIB = 1 << 20


def report(number: int, workspace: str, job: str, pids: Mapping[int, int | None]) -> NodeReport:
    """`pids`: each rank's process, None where it has ended."""
    ranks = tuple(_rank(job, rank, pid) for rank, pid in sorted(pids.items()))
    command = accelerator(here()).figures
    gpus = _gpus(command) if command else ()
    return NodeReport(number, ranks, _host(workspace), gpus)


def _rank(job: str, rank: int, pid: int | None) -> RankReport:
    found = processes.stat(pid) if pid else None
    return RankReport(
        rank, pid if found else None, found.state if found else None, progress(job, rank)
    )


def progress(job: str, rank: int) -> Progress | None:
    """The rank's last word of itself, None where there is none."""
    try:
        return Progress.from_json(Path(paths.progress(job, rank)).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return None


def _host(workspace: str) -> HostReport:
    memory = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    try:
        disk = os.statvfs(workspace)
        free = disk.f_bavail * disk.f_frsize
    except OSError:
        free = None
    return HostReport(
        _bytes(memory["MemTotal"]), _bytes(memory["MemAvailable"]), free, os.getloadavg()[0]
    )


def _bytes(kibibytes: str) -> int:
    return int(kibibytes.split(maxsplit=1)[0]) * 1024


def _gpus(command: str) -> tuple[GpuReport, ...]:
    """Empty where the maker's tool has nothing to say within GPU_LIMIT_S."""
    try:
        done = subprocess.run(
            shlex.split(command),
            capture_output=True,
            text=True,
            timeout=GPU_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return gpu_reports(done.stdout) if done.returncode == 0 else ()


def gpu_reports(listing: str) -> tuple[GpuReport, ...]:
    """From CSV as nvidia-smi prints it: memory in MiB, `[N/A]` for what the GPU does not tell."""
    found = []
    for row in csv.reader(listing.splitlines(), skipinitialspace=True):
        used, memory_used, memory_total, temperature, power = map(_number, row[1:])
        found.append(
            GpuReport(
                int(row[0]),
                used,
                memory_used and memory_used * MIB,
                memory_total and memory_total * MIB,
                temperature,
                power,
            )
        )
    return tuple(found)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None

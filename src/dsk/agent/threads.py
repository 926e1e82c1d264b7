"""How many threads each rank of a node computes with: the ranks share the worker's cores.

Unset, OMP_NUM_THREADS lets every rank take all cores, and ranks on one node compete for them.
torch's intra-op threads, MKL, OpenBLAS and DeepSpeed's CPU optimizers all follow it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

VARIABLE = "OMP_NUM_THREADS"
CGROUPS = Path("/sys/fs/cgroup")
"""In a container its own cgroup, of v2 or of each hierarchy of v1."""
CPUS = Path("/sys/devices/system/cpu")


def share(cores: int, quotas: Iterable[float], ranks: int) -> int:
    """Threads for each of `ranks` ranks: whole cores, at least 1.

    `quotas` limit the CPU time of all ranks together, in cores. Fractions are dropped: a rank with
    more threads than CPU time is stopped in the middle of a step, and all threads wait for one.
    """
    return max(1, int(min([cores, *quotas]) / ranks))


def default(environ: Mapping[str, str], ranks: int) -> dict[str, str]:
    """The variable for each of this node's `ranks` ranks; nothing where `environ` has it already:
    the user's own value wins."""
    if VARIABLE in environ:
        return {}
    return {VARIABLE: str(share(_cores(os.sched_getaffinity(0)), _quotas(), ranks))}


def set_in_rank() -> None:
    """In a rank that DeepSpeed's launch.py started, before torch is imported.

    dsk-threads.pth calls this in every Python process that has LOCAL_SIZE, launch.py's number of
    ranks on this node. launch.py itself sets no threads, and what sshd sets for a session would
    take precedence over the user's `env`.
    """
    ranks = os.environ.get("LOCAL_SIZE", "")
    if ranks.isdecimal() and int(ranks) > 0:
        os.environ.update(default(os.environ, int(ranks)))


def _cores(cpus: Iterable[int]) -> int:
    """Of processors that are hardware threads of one core, only one counts, as in torch's own
    default. A container's cpuset is part of the affinity."""
    return len({_siblings(cpu) for cpu in cpus})


def _siblings(cpu: int) -> str:
    try:
        return (CPUS / f"cpu{cpu}/topology/thread_siblings_list").read_text().strip()
    except OSError:
        return str(cpu)


def _quotas() -> list[float]:
    """In cores. At most one is there: cgroup v2's cpu.max has `QUOTA PERIOD`, QUOTA `max` where
    there is no limit; v1 has a file for each, and -1."""
    v2 = _words(CGROUPS / "cpu.max")
    v1 = _words(CGROUPS / "cpu/cpu.cfs_quota_us") + _words(CGROUPS / "cpu/cpu.cfs_period_us")
    return [
        int(words[0]) / int(words[1])
        for words in (v2, v1)
        if len(words) == 2 and all(word.isdecimal() and int(word) > 0 for word in words)
    ]


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except (OSError, ValueError):
        return []

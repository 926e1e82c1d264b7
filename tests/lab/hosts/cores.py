"""Which of the machine's cores a host has: hosts that share a machine share its cores.

Containers of a host are below a cgroup of its own, whose cpuset limits them all (cpusets(7) for
cgroup v1; "Cpuset" in the kernel's cgroup-v2.rst).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from hosts.which import NAME

CGROUPS = Path("/sys/fs/cgroup")
V1 = CGROUPS / "cpuset"


def machine_cores() -> list[int]:
    return sorted(os.sched_getaffinity(0))


def of_host(number: int, hosts: int) -> list[int]:
    """The `number`-th host's cores, from 1: every `hosts`-th, at least one. Where there are more
    hosts than cores, several have the same one."""
    cores = machine_cores()
    return cores[(number - 1) % len(cores) :: hosts]


def give(hostname: str, cores: Sequence[int]) -> None:
    """Limit all containers that will start on the host, and those that run to what they have in
    common with `cores`. Raises OSError where the kernel refuses."""
    names = (NAME, hostname)
    if V1.is_dir():
        nodes = (V1 / "cpuset.mems").read_text()
        for folder, cpus in zip(_below(V1, names), (machine_cores(), cores), strict=True):
            folder.mkdir(exist_ok=True)
            (folder / "cpuset.mems").write_text(nodes)
            (folder / "cpuset.cpus").write_text(_listed(cpus))
        return
    parent = CGROUPS
    for folder in _below(CGROUPS, names):
        (parent / "cgroup.subtree_control").write_text("+cpuset")
        folder.mkdir(exist_ok=True)
        parent = folder
    (parent / "cpuset.cpus").write_text(_listed(cores))


def _below(root: Path, names: Sequence[str]) -> list[Path]:
    return [root.joinpath(*names[: depth + 1]) for depth in range(len(names))]


def _listed(cores: Sequence[int]) -> str:
    return ",".join(map(str, cores))

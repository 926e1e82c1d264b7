"""How much memory a container has left."""

from __future__ import annotations

from pathlib import Path

MEMINFO = Path("/proc/meminfo")
LIMITS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)
"""Limit and use of the container's own cgroup, v2 and v1."""


def free() -> int:
    """In bytes: of the machine, or of the container where that has less."""
    words = next(
        line.split() for line in MEMINFO.read_text().splitlines() if line.startswith("MemAvailable")
    )
    left = [int(words[1]) * 1024]
    for limit, used in LIMITS:
        try:
            left.append(int(limit.read_text()) - int(used.read_text()))
        except (OSError, ValueError):  # another version of cgroups, or "max"
            continue
    return max(0, min(left))

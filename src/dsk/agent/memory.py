"""Has the kernel killed anything in this container because memory ran out?"""

from __future__ import annotations

from pathlib import Path

COUNTERS = (
    Path("/sys/fs/cgroup/memory.events"),
    Path("/sys/fs/cgroup/memory/memory.oom_control"),
)
"""Of cgroup v2 and v1; both have a line `oom_kill N`."""


def oom_kills() -> int:
    """How many so far; 0 where the kernel does not say."""
    for path in COUNTERS:
        try:
            lines = path.read_text().splitlines()
            return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
        except (OSError, ValueError, IndexError):
            continue
    return 0

"""The memory of this worker's processes, against what they may have; watched while a rank runs."""

from __future__ import annotations

import threading
from pathlib import Path

from dsk.wire.tuning import Memory

EVERY_S = 0.05
CGROUP = Path("/sys/fs/cgroup")
MEMINFO = Path("/proc/meminfo")


class HostMemory:
    """Notes the highest use, from a thread of its own, until `stop`. What can be given back at any
    time, such as the page cache, does not count."""

    def __init__(self, cgroup: Path = CGROUP, meminfo: Path = MEMINFO) -> None:
        self._cgroup = cgroup
        self._meminfo = meminfo
        total, _ = self._host()
        limit = self._cgroup_limit()
        self._limited = limit is not None and limit < total
        self._limit = limit if limit is not None and self._limited else total
        self._start = self._peak = self._used()
        self._stop = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def stop(self) -> Memory:
        self._stop.set()
        return self.now()

    def now(self) -> Memory:
        """The highest use so far."""
        self._note()
        kind = "cgroup" if self._limited else "host"
        return Memory(kind, self._peak, self._limit, start=self._start)

    def _watch(self) -> None:
        while not self._stop.wait(EVERY_S):
            self._note()

    def _note(self) -> None:
        self._peak = max(self._peak, self._used())

    def _used(self) -> int:
        if self._limited:
            used = self._cgroup_used()
            if used is not None:
                return used
        total, available = self._host()
        return total - available

    def _host(self) -> tuple[int, int]:
        lines = dict(line.split(":", 1) for line in self._meminfo.read_text().splitlines())
        total, available = (
            int(lines[name].split(maxsplit=1)[0]) << 10 for name in ("MemTotal", "MemAvailable")
        )
        return total, available

    def _cgroup_limit(self) -> int | None:
        """Of cgroup v2, or v1; None where there is none."""
        for name in ("memory.max", "memory/memory.limit_in_bytes"):
            try:
                return int((self._cgroup / name).read_text())
            except (OSError, ValueError):
                continue
        return None

    def _cgroup_used(self) -> int | None:
        for name, keys in (
            ("memory.stat", ("anon", "shmem")),
            ("memory/memory.stat", ("total_rss", "total_shmem")),
        ):
            try:
                lines = (self._cgroup / name).read_text().splitlines()
            except OSError:
                continue
            values = {key: int(value) for key, value in (line.split() for line in lines)}
            if keys[0] in values:
                return sum(values.get(key, 0) for key in keys)
        return None

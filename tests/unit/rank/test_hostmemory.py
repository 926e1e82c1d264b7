"""What a worker's processes hold, read as the kernel writes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsk.rank.hostmemory import HostMemory

MEMINFO = "MemTotal:        8000000 kB\nMemFree:         100 kB\nMemAvailable:    6000000 kB\n"


@pytest.fixture
def meminfo(tmp_path: Path) -> Path:
    path = tmp_path / "meminfo"
    path.write_text(MEMINFO)
    return path


def test_cgroup_v2(tmp_path: Path, meminfo: Path) -> None:
    (tmp_path / "memory.max").write_text("1000000\n")
    stat = tmp_path / "memory.stat"
    stat.write_text("anon 1000\nfile 900000\nshmem 24\n")
    watched = HostMemory(tmp_path, meminfo)
    stat.write_text("anon 5000\nfile 900000\nshmem 24\n")
    watched._note()
    stat.write_text("anon 2000\nfile 900000\nshmem 24\n")
    found = watched.stop()
    assert (found.kind, found.peak, found.limit, found.start) == ("cgroup", 5024, 1000000, 1024)


def test_cgroup_v1(tmp_path: Path, meminfo: Path) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory/memory.limit_in_bytes").write_text("1000000\n")
    (tmp_path / "memory/memory.stat").write_text("cache 9\nrss 1\ntotal_rss 700\ntotal_shmem 1\n")
    found = HostMemory(tmp_path, meminfo).stop()
    assert (found.kind, found.peak, found.limit) == ("cgroup", 701, 1000000)


@pytest.mark.parametrize("limit", ["max\n", "9223372036854771712\n", None])
def test_without_a_limit_the_host_counts(tmp_path: Path, meminfo: Path, limit: str | None) -> None:
    if limit:
        (tmp_path / "memory.max").write_text(limit)
    found = HostMemory(tmp_path, meminfo).stop()
    assert (found.kind, found.peak, found.limit) == ("host", 2000000 << 10, 8000000 << 10)

"""Each rank's share of the cores that its worker has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dsk.agent import threads

PTH = Path(__file__).resolve().parents[3] / "scripts/image/dsk-threads.pth"
V1_QUOTA, V1_PERIOD = "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"


@pytest.mark.parametrize(
    ("cores", "quotas", "ranks", "expected"),
    [
        (2, [], 1, 2),
        (2, [], 2, 1),
        (64, [], 8, 8),
        (10, [], 4, 2),
        (2, [], 8, 1),
        (64, [16.0], 4, 4),
        (16, [64.0], 4, 4),
        (8, [3.5], 1, 3),
        (8, [3.5], 2, 1),
        (8, [0.5], 1, 1),
    ],
)
def test_a_ranks_share(cores: int, quotas: list[float], ranks: int, expected: int) -> None:
    assert threads.share(cores, quotas, ranks) == expected


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """8 processors, two of each core; no cgroups yet."""
    monkeypatch.setattr(threads, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(threads, "CPUS", tmp_path / "cpu")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    for cpu in range(8):
        write(tmp_path / f"cpu/cpu{cpu}/topology/thread_siblings_list", f"{cpu % 4},{cpu % 4 + 4}")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")


def chosen(ranks: int = 1) -> int:
    return int(threads.default({}, ranks)["OMP_NUM_THREADS"])


def test_hardware_threads_of_one_core_count_once(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (chosen(), chosen(2)) == (4, 2)
    # A cpuset of two cores, one of them with both of its threads.
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 4, 1})
    assert chosen() == 2


def test_every_processor_counts_where_the_kernel_shows_no_cores(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "CPUS", machine / "none")
    assert chosen() == 8


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "max 100000"}, 4),
        ({"cpu.max": "250000 100000"}, 2),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "300000 50000"}, 4),
        ({V1_QUOTA: "-1", V1_PERIOD: "100000"}, 4),
        ({V1_QUOTA: "250000", V1_PERIOD: "100000"}, 2),
        ({V1_QUOTA: "250000"}, 4),
        ({V1_QUOTA: "250000", V1_PERIOD: "0"}, 4),
        ({"cpu.max": ""}, 4),
        ({"cpu.max": "200000"}, 4),
        ({"cpu.max": "0 0"}, 4),
        ({"cpu.max": "many 100000"}, 4),
    ],
)
def test_cgroup_quotas(machine: Path, files: dict[str, str], expected: int) -> None:
    for name, text in files.items():
        write(machine / "cgroup" / name, text)
    assert chosen() == expected


def test_the_users_own_value_is_left_alone(machine: Path) -> None:
    for value in ("3", "4,2", ""):
        assert threads.default({"OMP_NUM_THREADS": value}, 2) == {}


def started_by_launch_py(tmp_path: Path, **env: str) -> str:
    """OMP_NUM_THREADS in a Python that starts with the image's .pth file."""
    site = tmp_path / "site"
    site.mkdir(exist_ok=True)
    (site / PTH.name).write_text(PTH.read_text())
    begin = f"import os, site; site.addsitedir({str(site)!r})"
    done = subprocess.run(
        [sys.executable, "-c", f"{begin}; print(os.environ.get('OMP_NUM_THREADS'))"],
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.strip()


def test_ranks_that_launch_py_starts(tmp_path: Path) -> None:
    mine = threads.default({}, 1)["OMP_NUM_THREADS"]
    assert started_by_launch_py(tmp_path, LOCAL_SIZE="1") == mine
    assert started_by_launch_py(tmp_path, LOCAL_SIZE="4096") == "1"
    assert started_by_launch_py(tmp_path, LOCAL_SIZE="1", OMP_NUM_THREADS="7") == "7"


@pytest.mark.parametrize("env", [{}, {"LOCAL_SIZE": ""}, {"LOCAL_SIZE": "0"}, {"LOCAL_SIZE": "x"}])
def test_other_python_processes(tmp_path: Path, env: dict[str, str]) -> None:
    assert started_by_launch_py(tmp_path, **env) == "None"

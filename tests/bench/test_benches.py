"""Every program in bench/ runs: once, with the smallest input that it takes.

What it measures is looked at by people. A test here fails where the program itself does, or prints
no figure.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gpu.conftest import no_gpu
from tests.lab.conftest import SMALL

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "bench"
IMAGE = os.environ.get("DSK_IMAGE", "dsk:cu128")
LIMIT_S = 1800

pytestmark = [pytest.mark.full, pytest.mark.timeout(LIMIT_S + 60)]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: network namespaces are made")

IMPORTED = {"first_step", "interleaved"}
"""What benches share: no programs."""
SMOKE: dict[str, tuple[list[str], str]] = {
    "check_scale": (["3"], r"3 nodes  one drops all +\d+\.\d s"),
    "diagnose": (["5"], r"\d\.\d s  disk-full  a training's progress"),
    "dry_run_time": ([], r"\d+\.\d\d +times as long"),
    "flood": ([IMAGE, "1"], r"\d steps/s .* dsk$"),
    "help_time": ([], r"\d+\.\d\d +times as long"),
    "image_sync": ([SMALL, "1"], r"a changed dsk layer +ratio +\d+\.\d\d"),
    "imports": ([IMAGE, "1"], r"\d+\.\d\d s .* as dsk\.rank does"),
    "launch_phases": ([IMAGE, "1"], r"\d\.\d\d s  the supervisor before the ranks start"),
    "same_result": (
        [IMAGE, *["--preset", "none", "--preset", "z2", "--kind", "full", "--precision", "bf16"]],
        r"\| full, z2 \| \d\.\de-\d+ \|",
    ),
    "start_up": ([IMAGE, f"{IMAGE}-devel", "1"], r"\d+\.\d\d +times as long without"),
    "threads": ([IMAGE, "5", "1"], r"5 steps:"),
    "ttfs": ([IMAGE, "1"], r"of deepspeed  direct warm"),
}
"""The arguments by program, and what of its output holds a figure."""
IN_THE_LAB = {"flood", "image_sync", "launch_phases", "threads", "ttfs"}
IN_CONTAINERS = {"imports", "same_result", "start_up"}


def run(name: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, str(BENCH / f"{name}.py"), *words],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def marks(name: str) -> list[pytest.MarkDecorator]:
    if name in IN_THE_LAB:
        return [pytest.mark.lab, as_root]
    if name in IN_CONTAINERS:
        return [pytest.mark.image]
    return [as_root] if name == "check_scale" else []


@pytest.mark.parametrize("name", [pytest.param(each, marks=marks(each)) for each in SMOKE])
def test_a_bench_prints_its_figures(name: str) -> None:
    words, figures = SMOKE[name]
    if name == "start_up":
        build = [str(ROOT / "scripts/build-image.sh"), "--devel", f"--tag={IMAGE}-devel"]
        subprocess.run(build, check=True, timeout=LIMIT_S)
    if name == "image_sync":
        build = [str(ROOT / "scripts/build-image.sh"), "--no-stack", f"--tag={SMALL}"]
        subprocess.run(build, check=True, timeout=LIMIT_S)
    out = run(name, *words)
    assert re.search(figures, out, re.MULTILINE), out


def test_the_fault_tables_rows_come_from_its_tests_figures(tmp_path: Path) -> None:
    figures = {
        "fault": "a rank killed", "launcher": "direct", "outcome": "ends", "detected": 0.5,
        "within": 5, "ended": 1.25, "exit_code": 1, "left": [],
    }  # fmt: skip
    source = tmp_path / "figures.jsonl"
    source.write_text(json.dumps(figures) + "\n")
    for name in ("reliability.md", "reliability.zh-CN.md"):
        target = tmp_path / name
        shutil.copy(ROOT / "docs" / name, target)
        run("fault_table", str(source), str(target))
        rows = [line for line in target.read_text().splitlines() if "| a rank killed |" in line]
        assert rows == ["| a rank killed | direct | 0.5 s | 5 s | 1.25 s | 1 | nothing |"]


@pytest.mark.parametrize("name", ["gpu_memory", "threads_gpu", "ttfs_gpu"])
def test_benches_for_a_gpu_are_programs(name: str) -> None:
    """As far as they run without one: what they need of dsk is there."""
    program = f"import runpy; runpy.run_path({str(BENCH / name)!r} + '.py', run_name='imported')"
    env = {**os.environ, "PYTHONPATH": str(BENCH)}
    subprocess.run([sys.executable, "-c", program], check=True, env=env)


@pytest.mark.parametrize(
    ("program", "figures"),
    [
        ("gpu_memory.py --only 0.5B-z2-full-1x1024", r"^0\.5B-z2-full-1x1024 +\d+\.\d\d"),
        ("threads_gpu.py 3 1", r"OMP_NUM_THREADS dsk's \d+"),
        ("ttfs_gpu.py 1", r"of deepspeed  direct"),
    ],
)
@pytest.mark.gpu
@pytest.mark.skipif(no_gpu() is not None, reason="no NVIDIA GPU here")
def test_a_bench_on_a_gpu(program: str, figures: str) -> None:
    mounts = [f"--volume={ROOT}:/dsk:ro", "--env=PYTHONPATH=/dsk/src"]
    argv = ["docker", "run", "--rm", "--gpus=all", "--ipc=host", *mounts, IMAGE]
    done = subprocess.run(
        [*argv, "bash", "-c", f"python /dsk/bench/{program}"],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert re.search(figures, done.stdout, re.MULTILINE), done.stdout


def test_no_bench_is_forgotten() -> None:
    here = {path.stem for path in BENCH.glob("*.py")} - IMPORTED
    assert here == {*SMOKE, "fault_table", "gpu_memory", "threads_gpu", "ttfs_gpu"}

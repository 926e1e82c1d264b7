"""What ranks that have ended still hold on a node."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from dsk.agent import figures, processes
from dsk.agent.job import Job
from dsk.agent.processes import Process
from dsk.wire.operations import FindHeld, WatchRanks


@pytest.fixture
def gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with MiB in use by two GPUs, as the maker's tool reports them."""
    used = tmp_path / "used"
    used.write_text("100 200")
    tool = tmp_path / "tool"
    row = "0, 81559, 40, 70.0"
    tool.write_text(
        f'#!/bin/sh\nread -r a b <{used}\necho "0, 0, $a, {row[3:]}"; echo "1, 0, $b, {row[3:]}"\n'
    )
    tool.chmod(0o755)
    monkeypatch.setattr(figures, "accelerator", lambda _: SimpleNamespace(figures=str(tool)))
    monkeypatch.setattr(figures, "EVERY_S", 0.05)
    monkeypatch.setattr(processes, "descendants", lambda *_: set())
    monkeypatch.setattr(processes, "of_job", lambda _: set())
    return used


def held(job: Job, *gpus: int) -> list[str]:
    return [text.in_language("en") for text in job.find_held(FindHeld(gpus))]


def wait_for(job: Job, used: float) -> None:
    deadline = time.monotonic() + 10
    while job._figures.gpu_memory().get(0) != used * (1 << 20):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_memory_that_is_not_free_yet(
    gpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dsk.wire.paths.PROGRESS", tmp_path)
    job = Job(str(tmp_path), "j")
    try:
        wait_for(job, 100)
        job.watch_ranks(WatchRanks(0))
        gpus.write_text("40000 50000")
        wait_for(job, 40000)
        assert held(job, 0) == ["GPU 0 has 41.9 GB in use, 0.1 GB before the job"]
        assert len(held(job, 0, 1)) == 2 and held(job) == []
        job.watch_ranks(WatchRanks(1))
        assert held(job, 0), "the time before the first attempt counts"
        gpus.write_text("500 500")
        wait_for(job, 500)
        assert held(job, 0, 1) == [], "some more than before is not a rank's"
        monkeypatch.setattr(processes, "of_job", lambda _: {Process(7, 1)})
        assert held(job, 0) == ["processes of the job that have not ended: 1"]
    finally:
        job.closed.set()

"""A rank that stands still for longer than training may, in a phase that may: the job goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hosts import Lab
from tests.lab.cluster import Cluster

pytestmark = [pytest.mark.lab, pytest.mark.full, pytest.mark.timeout(900)]

HOOK = Path(__file__).parent / "faults/hook/sitecustomize.py"
LIMIT_S = 10
"""The limit that the tests give to the training phase."""
PAUSE_S = 40
EVALUATING = {"val_size": 0.2, "eval_strategy": "steps", "eval_steps": 5}

Pausing = Callable[[str], Path]


@pytest.fixture
def pausing(lab: Lab, cluster: Cluster) -> Iterator[Pausing]:
    """Has rank 1 of the next job stand still in a phase; the file says for how long it did."""
    folder = lab.nodes[1].workspace / "pause"
    plain = cluster.file.read_text()

    def prepare(phase: str) -> Path:
        folder.mkdir(exist_ok=True)
        (folder / HOOK.name).write_text(HOOK.read_text())
        where = f"{cluster.workspace}/{folder.name}"
        cluster.change(env={"PYTHONPATH": where, "PAUSE": f"{phase} 1 {PAUSE_S}"})
        paused = folder / "paused"
        paused.unlink(missing_ok=True)
        return paused

    yield prepare
    cluster.file.write_text(plain)


def launch(cluster: Cluster, code: int) -> str:
    train = cluster.train(output_dir="outputs/paused", **EVALUATING)
    limit = f"training={LIMIT_S}"
    return cluster.dsk("launch", "--no-check", "--limit", limit, train, code=code, timeout=600).text


@pytest.mark.parametrize("phase", ["evaluating", "tokenizing"])
def test_a_long_phase_survives(cluster: Cluster, pausing: Pausing, phase: str) -> None:
    paused = pausing(phase)
    launch(cluster, code=0)
    assert float(paused.read_text()) >= PAUSE_S


def test_the_same_pause_in_training_ends_the_job(cluster: Cluster, pausing: Pausing) -> None:
    paused = pausing("training")
    out = launch(cluster, code=1)
    assert not paused.exists(), "ended before the pause was over"
    job = json.loads(cluster.dsk("status", "--json").out)["jobs"][-1]
    assert job["state"] == "failed" and "training" in out, out

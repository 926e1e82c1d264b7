"""The figures that a supervisor keeps for `dsk report`."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from dsk.supervisor import figurelog
from dsk.supervisor.figurelog import FigureLog, TrainerLog
from dsk.supervisor.thinned import ThinnedFile
from dsk.wire import samples
from dsk.wire.figures import GpuFigures, HostFigures, NodeFigures
from dsk.wire.samples import NodeSample, TrainerSample
from dsk.wire.status import JobStatus, NodeStatus

HOST = HostFigures(4, 3, 2, 0.5, network_received=10, network_sent=20)
GPU = GpuFigures(0, 90.0, 1e9, 2e9, 50.0, 300.0)
STATUS = JobStatus("j", "lab", "running", (), 1, 1.0, 1.0, "/o")


def test_every_report_is_kept_once(tmp_path: Path) -> None:
    log = FigureLog(tmp_path, tmp_path / "trainer_log.jsonl")
    for heard in (5.0, 5.0, 7.0):
        node = NodeStatus(1, "10.0.0.12", heard, NodeFigures(3, (), HOST, (GPU,)))
        log.add(replace(STATUS, attempt=2, node_states=(NodeStatus(0, "10.0.0.11"), node)))
    lines = (tmp_path / samples.FIGURES).read_text().splitlines()
    found = [samples.decode(NodeSample, line) for line in lines]
    assert found == [NodeSample(at, 2, 1, HOST, (GPU,)) for at in (5.0, 7.0)]


def test_what_llamafactory_logs_is_kept_with_its_attempt(tmp_path: Path) -> None:
    trainer_log = tmp_path / "trainer_log.jsonl"
    log = FigureLog(tmp_path, trainer_log)
    raw = {"current_steps": 5, "total_steps": 9, "loss": float("nan"), "lr": 1e-5, "epoch": 0.5}
    trainer_log.write_text(json.dumps(raw) + "\n" + json.dumps({"eval_loss": 1.0}) + "\n")
    log.add(STATUS)
    with trainer_log.open("a") as file:
        file.write(json.dumps({"current_steps": 6, "eval_loss": 2, "total_tokens": 70}) + "\n{")
    assert log.add(replace(STATUS, attempt=1))["current_steps"] == 6
    log.close()
    lines = (tmp_path / samples.TRAINER).read_text().splitlines()
    first, second = [samples.decode(TrainerSample, line) for line in lines]
    assert (first.attempt, first.step, first.learning_rate, first.epoch) == (0, 5, 1e-5, 0.5)
    assert first.loss is not None and first.loss != first.loss
    assert (second.attempt, second.eval_loss, second.tokens) == (1, 2, 70)


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """The log of an earlier job with the same output_dir."""
    path = tmp_path / "trainer_log.jsonl"
    path.write_text('{"current_steps": 1}\n{"current_steps": 2}\n')
    return path


def steps(log: TrainerLog) -> list[int]:
    return [each["current_steps"] for each in log.read()]


def test_an_earlier_jobs_lines_are_not_taken(earlier: Path) -> None:
    log = TrainerLog(earlier)
    assert steps(log) == []
    with earlier.open("a") as file:
        file.write('{"current_steps": 3}\nno json\n{"current_steps": 4')
    assert steps(log) == [3]
    with earlier.open("a") as file:
        file.write("}\n")
    assert steps(log) == [4]
    log.close()


def test_a_log_that_is_written_again_from_the_beginning_is_read_from_there(earlier: Path) -> None:
    """Also where its first lines are those of the earlier job, as with the same seed."""
    log = TrainerLog(earlier)
    text = earlier.read_text()
    earlier.unlink()
    assert steps(log) == []
    earlier.write_text(text + '{"current_steps": 3}\n')
    assert steps(log) == [1, 2, 3]
    earlier.write_text('{"current_steps": 7}\n')
    assert steps(log) == [7]
    log.close()


def test_a_missing_log_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "output" / "trainer_log.jsonl"
    log = TrainerLog(path)
    assert steps(log) == []
    path.parent.mkdir()
    path.write_text('{"current_steps": 1}\n')
    assert steps(log) == [1]
    log.close()


def test_a_full_file_is_thinned_out_and_still_begins_at_the_beginning(tmp_path: Path) -> None:
    file = ThinnedFile(tmp_path / "f", 1000)
    for number in range(4000):
        for node in (0, 1):
            file.write(node, json.dumps({"node": node, "number": number}))
        assert (tmp_path / "f").stat().st_size <= 1000
    lines = [json.loads(line) for line in (tmp_path / "f").read_text().splitlines()]
    for node in (0, 1):
        numbers = [line["number"] for line in lines if line["node"] == node]
        apart = {after - before for before, after in pairwise(numbers)}
        assert numbers[0] == 0 and len(numbers) >= 8
        [distance] = apart
        assert 4000 - numbers[-1] <= distance


def test_a_disk_that_takes_nothing_costs_figures_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figurelog, "NODES_BYTES", 10)
    log = FigureLog(tmp_path / "gone", tmp_path / "trainer_log.jsonl")
    for heard in (1.0, 2.0, 3.0):
        node = NodeStatus(0, "10.0.0.11", heard, NodeFigures(1, (), HOST))
        log.add(replace(STATUS, node_states=(node,)))
    (tmp_path / "gone").mkdir()
    node = NodeStatus(0, "10.0.0.11", 4.0, NodeFigures(1, (), HOST))
    log.add(replace(STATUS, node_states=(node,)))
    assert len((tmp_path / "gone" / samples.FIGURES).read_text().splitlines()) == 1

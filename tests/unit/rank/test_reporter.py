"""What stands in a rank's file, and when."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from dsk.rank import reporter as module
from dsk.rank.reporter import Reporter
from dsk.wire.progress import Progress


def read(path: Path) -> Progress:
    return Progress.from_json(path.read_text())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "not-there-yet" / "job" / "3"


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """No interval ends within a test."""
    monkeypatch.setattr(module, "INTERVAL_S", 3600)


def test_it_loads_from_the_first_moment(path: Path) -> None:
    Reporter(path)
    found = read(path)
    assert (found.phase, found.ticks, found.step) == ("loading", 0, None)


@pytest.mark.usefixtures("slow")
def test_ticks_are_written_together_and_a_phase_at_once(path: Path) -> None:
    reporter = Reporter(path)
    for _ in range(10):
        reporter.tick()
    reporter.at_step(4, 100, 12.5)
    reporter.at_loss(0.5)
    assert read(path).ticks == 0
    reporter.enter("training")
    found = read(path)
    assert (found.phase, found.ticks, found.step, found.steps) == ("training", 11, 4, 100)
    assert (found.loss, found.samples_per_s) == (0.5, 12.5)
    reporter.at_step(5, 100)
    reporter.enter("training")
    assert read(path).step == 4
    reporter.write()
    assert (read(path).step, read(path).samples_per_s) == (5, 12.5)


def test_a_tick_is_written_when_the_interval_is_over(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INTERVAL_S", 0)
    reporter = Reporter(path)
    reporter.tick()
    assert read(path).ticks == 1


def test_a_forked_child_says_nothing(path: Path) -> None:
    reporter = Reporter(path)
    child = os.fork()
    if not child:
        reporter.enter("saving")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert read(path).phase == "loading"


def test_threads_leave_whole_files(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTERVAL_S", 0)
    reporter = Reporter(path)
    done = threading.Event()

    def tick() -> None:
        while not done.is_set():
            reporter.tick()

    threads = [threading.Thread(target=tick) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(300):
            read(path)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert read(path).ticks > 0
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_harms_nothing_and_is_said_once(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path.parent.parent.mkdir()
    path.parent.write_text("in the way")
    reporter = Reporter(path)
    reporter.enter("training")
    reporter.enter("saving")
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("dsk: the rank's progress cannot be written:")
    path.parent.unlink()
    reporter.write()
    assert read(path).phase == "saving"


@pytest.mark.usefixtures("capsys")
def test_an_earlier_word_does_not_stand_for_one_that_cannot_be_written(path: Path) -> None:
    reporter = Reporter(path)
    draft = path.with_name(".3")
    draft.mkdir()
    reporter.enter("ending")
    assert not path.exists()
    draft.rmdir()
    reporter.write()
    assert read(path).phase == "ending"

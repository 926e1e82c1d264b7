"""What a supervisor writes down: bounded, whole, and through a disk that is full."""

from __future__ import annotations

import errno
import fcntl
import io
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dsk.errors import JobFailed
from dsk.rotated import older
from dsk.supervisor import folder, said
from dsk.supervisor.pace import Pace
from dsk.supervisor.record import Record
from dsk.text import verbatim
from dsk.wire.events import Accepted, Attempt, Finished, Notice, Output, Phase, decode
from dsk.wire.status import JobStatus
from tests.texts import en

STATUS = JobStatus("j1", "lab", "starting", ("10.0.0.1",), 1, 1.0, 1.0, "/nowhere")
DONE = Finished(9.0, "succeeded", 0, 8.0, "/jobs/j1", "/nowhere")


def record(place: Path) -> Record:
    made = Record(STATUS, io.BytesIO())
    made.open(place)
    return made


def wait_until(holds: Callable[[], bool], limit: float = 20.0) -> None:
    deadline = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def events(path: Path) -> list[object]:
    return [decode(line) for line in path.read_text().splitlines()]


def test_ranks_lines_are_bounded_and_the_other_events_all_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "STREAM_BYTES", 10_000)
    written = record(tmp_path)
    for number in range(500):
        written.tell(Output(number, 0, 0, f"line {number}"))
        if number % 50 == 0:
            written.tell(Notice(number, "change", verbatim(f"notice {number}")))
    written.close()
    stream = tmp_path / "stream.jsonl"
    assert stream.stat().st_size <= 10_000
    kept = [*events(older(stream)), *events(stream)]
    assert kept[-1] == Output(499, 0, 0, "line 499")
    assert len(events(tmp_path / "events.jsonl")) == 10


def test_a_file_system_without_locks_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    written = record(tmp_path)
    written.tell(DONE)
    written.close()
    assert events(tmp_path / "events.jsonl") == [DONE]


def test_a_full_disk_is_told_and_no_event_is_lost(small_disk: Path) -> None:
    out = io.BytesIO()
    written = Record(STATUS, out)
    place = small_disk / "j1"
    written.open(place)
    wait_until((place / "status.json").exists)
    filling = small_disk / "filling"
    filling.write_bytes(b"")
    with filling.open("ab", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(b"x" * 512)
    for number in range(100):
        written.tell(Output(number, 0, 0, "x" * 200))
        written.tell(Phase(number, "running", verbatim(f"phase {number} {'x' * 200}")))
    wait_until(lambda: out.getvalue().count(b'"not_written"') == 2)
    wait_until(lambda: b'"phase 99 ' in out.getvalue())
    told = [decode(line) for line in out.getvalue().decode().splitlines()]
    notices = [en(event.text) for event in told if isinstance(event, Notice)]
    assert len(notices) == 2, notices
    assert all("No space left on device" in text for text in notices)
    assert json.loads((place / "status.json").read_text())["state"] == "starting"

    filling.unlink()
    written.tell(DONE)
    written.close()
    kept = events(place / "events.jsonl")
    assert [event for event in kept if isinstance(event, Phase)] == [
        event for event in told if isinstance(event, Phase)
    ]
    assert kept[-1] == DONE
    assert json.loads((place / "status.json").read_text())["state"] == "succeeded"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "j1").write_text("a file in the way")
    with pytest.raises(JobFailed, match="cannot be made") as raised:
        folder.JobFolder(tmp_path / "j1")
    assert raised.value.where == str(tmp_path / "j1")


def test_its_events_are_locked_while_it_lives(tmp_path: Path) -> None:
    written = record(tmp_path)
    with (tmp_path / "events.jsonl").open() as file:
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        written.close()
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)


def test_the_time_left_goes_by_the_steps_so_far() -> None:
    pace = Pace()
    assert pace.left(100, 0.0) is None
    for step in range(1, 11):
        pace.seen(step, 1000 + 2.0 * step)
    assert pace.left(100, 1020.0) == pytest.approx(180)
    assert pace.left(100, 1021.0) == pytest.approx(179), "half of a step is done"
    pace.seen(4, 2000.0)
    assert pace.left(100, 2000.0) is None, "another attempt begins from zero"
    pace.seen(5, 2010.0)
    assert pace.left(10, 2010.0) == pytest.approx(50)
    assert pace.left(10, 3000.0) == 0


def test_a_file_that_nobody_rotates_gets_so_many_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(said, "FILE_BYTES", 10_000)
    with (tmp_path / "output").open("wb", buffering=0) as out:
        written = Record(STATUS, out)
        for number in range(1000):
            written.tell(Output(number, 0, 0, f"line {number}"))
        written.tell(DONE)
        written.close()
    told = events(tmp_path / "output")
    assert (tmp_path / "output").stat().st_size < 11_000
    assert isinstance(told[-2], Notice)
    assert told[-1] == DONE


def test_the_status_says_whether_ranks_were_started(tmp_path: Path) -> None:
    written = record(tmp_path)
    written.tell(Phase(1.0, "starting", verbatim("connecting")))
    written.tell(Accepted(1.5))
    assert not written.status.ran
    written.tell(Attempt(2.0, 1, (0,)))
    written.tell(DONE)
    written.close()
    status = JobStatus.from_json((tmp_path / "status.json").read_text())
    assert (status.ran, status.attempt) == (True, 1)

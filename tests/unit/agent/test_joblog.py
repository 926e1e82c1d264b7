"""A job's events, read while they are written."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import pytest

from dsk.agent import joblog
from dsk.agent.joblog import stream
from dsk.supervisor import folder
from dsk.supervisor.record import Record
from dsk.wire import paths
from dsk.wire.events import Event, Finished, Output, decode
from dsk.wire.position import Position
from dsk.wire.status import JobStatus

STATUS = JobStatus("j1", "lab", "running", ("10.0.0.1",), 1, 1.0, 1.0, "/nowhere")


def line(number: int) -> Output:
    return Output(float(number), 0, 0, f"line {number} {'x' * 60}")


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joblog, "LOOK_S", 0.01)


@pytest.fixture
def record(tmp_path: Path) -> Record:
    made = Record(STATUS, io.BytesIO())
    made.open(Path(paths.job_folder(str(tmp_path), "j1")))
    return made


def tell(workspace: Path, record: Record, event: Event) -> None:
    """Returns when it is in the file."""
    path = Path(paths.job_folder(str(workspace), "j1")) / paths.STREAM
    record.tell(event)
    deadline = time.monotonic() + 20
    while not path.exists() or event not in read(workspace):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def read(workspace: Path, **options: Any) -> list[Event]:
    return [decode(each.decode()) for each in stream(str(workspace), "j1", **options)]


def test_it_goes_on_until_the_last_event(tmp_path: Path, record: Record) -> None:
    tell(tmp_path, record, line(1))
    reader = stream(str(tmp_path), "j1", follow=True)
    assert decode(next(reader).decode()) == line(1)
    record.tell(line(2))
    assert decode(next(reader).decode()) == line(2)
    done = Finished(9.0, "succeeded", 0, 8.0, "/jobs/j1", "/nowhere")
    record.tell(done)
    begin = time.monotonic()
    assert [decode(each.decode()) for each in reader] == [done]
    assert time.monotonic() - begin < 60
    record.close()


def test_half_a_line_is_not_given(tmp_path: Path, record: Record) -> None:
    tell(tmp_path, record, line(1))
    record.close()
    with (Path(paths.job_folder(str(tmp_path), "j1")) / paths.STREAM).open("a") as file:
        file.write('{"event": "out')
    assert read(tmp_path) == [line(1)]


def test_it_ends_where_the_supervisor_is_gone_without_a_last_word(
    tmp_path: Path, record: Record
) -> None:
    tell(tmp_path, record, line(1))
    reader = stream(str(tmp_path), "j1", follow=True)
    next(reader)
    record.close()  # as its process's end does
    assert list(reader) == []


def test_only_what_came_since_then(tmp_path: Path, record: Record) -> None:
    for number in range(10):
        record.tell(line(number))
    record.close()
    assert read(tmp_path, since=7) == [line(number) for number in range(7, 10)]
    assert read(tmp_path, since=99) == []


def positions(workspace: Path, **options: Any) -> list[Position | None]:
    """One for each line; None where there is an event."""
    found = stream(str(workspace), "j1", positions=True, **options)
    return [Position.from_line(each.decode()) for each in found]


def test_what_comes_after_a_position_is_given_by_its_place_and_not_by_time(
    tmp_path: Path, record: Record
) -> None:
    for number in (5, 6, 1, 2, 2):
        record.tell(line(number))
    record.close()
    first, *events = positions(tmp_path)
    assert first and len(events) == 5
    assert read(tmp_path, after=first.after(2)) == [line(1), line(2), line(2)]
    assert read(tmp_path, after=Position.parse(str(first.after(5)))) == []
    [since, *late] = positions(tmp_path, since=6)
    assert since and len(late) == 4
    assert read(tmp_path, after=since.after(1)) == [line(1), line(2), line(2)]
    gone = Position("0123456789abcdef", 100)
    assert len(read(tmp_path, after=gone)) == 5, "its file is no longer there: all there is"


def test_it_follows_over_files_that_are_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "STREAM_BYTES", 1000)
    record = Record(STATUS, io.BytesIO())
    record.open(Path(paths.job_folder(str(tmp_path), "j1")))
    tell(tmp_path, record, line(0))
    reader = stream(str(tmp_path), "j1", follow=True)
    found = [next(reader)]
    for number in range(1, 100):
        record.tell(line(number))
        found.append(next(reader))
    record.close()
    assert [decode(each.decode()) for each in found] == [line(number) for number in range(100)]
    kept = read(tmp_path)
    assert kept == [line(number) for number in range(100 - len(kept), 100)]


def test_a_reader_that_is_overtaken_goes_on_with_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "STREAM_BYTES", 1000)
    record = Record(STATUS, io.BytesIO())
    record.open(Path(paths.job_folder(str(tmp_path), "j1")))
    tell(tmp_path, record, line(0))
    reader = stream(str(tmp_path), "j1", follow=True)
    next(reader)
    for number in range(1, 100):
        record.tell(line(number))
    record.close()
    found = [decode(each.decode()) for each in reader]
    assert found[-1] == line(99)
    numbers = [int(event.at) for event in found]
    assert numbers == sorted(set(numbers))


def test_it_does_not_follow_for_ever(
    tmp_path: Path, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joblog, "FOLLOW_S", 0.5)
    tell(tmp_path, record, line(1))
    assert len(list(stream(str(tmp_path), "j1", follow=True))) == 1
    record.close()

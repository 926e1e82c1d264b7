"""A job's folder is read as far as it goes, and what is missing is said."""

from __future__ import annotations

import dataclasses

import pytest

from dsk.report.record import FILES, JobRecord, read_record
from dsk.text import verbatim
from dsk.wire import paths, samples
from dsk.wire.events import Event, Failure, Finished, Phase
from dsk.wire.status import JobStatus
from tests.unit.report import jobs


def said(record: JobRecord) -> list[str]:
    return [each.in_language("en") for each in record.missing]


def complete() -> dict[str, bytes]:
    return jobs.files(jobs.restarted(), jobs.watched(2, 2, 50), jobs.trained())


def test_a_complete_folder() -> None:
    record = read_record("j", complete())
    assert said(record) == []
    assert (record.state, len(record.attempts), len(record.trainer)) == ("succeeded", 2, 120)
    assert (record.begin, record.until) == (jobs.BEGIN, jobs.BEGIN + 305)
    assert record.versions == jobs.VERSIONS
    assert set(complete()) == set(FILES)


def test_a_recipe_is_without_secrets() -> None:
    record = read_record("j", complete())
    assert record.recipe is not None
    assert record.recipe["hf_hub_token"] == "***"
    assert record.recipe["deepspeed"] == {"zero_optimization": {"stage": 2}}


@pytest.mark.parametrize("name", [each for each in FILES if each != paths.STATUS])
def test_what_is_not_there_is_said(name: str) -> None:
    found = complete()
    del found[name]
    assert any(text.startswith(f"{name} is not there") for text in said(read_record("j", found)))


@pytest.mark.parametrize("name", [paths.EVENTS, samples.FIGURES, samples.TRAINER])
def test_lines_that_cannot_be_read_and_a_last_one_that_is_cut_off(name: str) -> None:
    found = complete()
    complete_one = read_record("j", found)
    rows = found[name].splitlines(keepends=True)
    found[name] = b"".join(
        [rows[0], b"\xff\xfe{\n", b"[]\n", b'{"event": "step", "at": "x"}\n', *rows[1:-1]]
    )
    found[name] += rows[-1][:-5]
    record = read_record("j", found)
    assert said(record) == [
        f"{name}: lines that cannot be read and are left out: 3",
        f"{name}: the last line is cut off and is left out",
    ]
    for field in ("events", "figures", "trainer"):
        lost = len(getattr(complete_one, field)) - len(getattr(record, field))
        assert lost in (0, 1)


@pytest.mark.parametrize(
    "line",
    [
        '{"event": "accepted", "at": Infinity}',
        '{"event": "accepted", "at": NaN}',
        '{"event": "accepted"}',
        '{"event": "attempt", "at": 1, "number": 0, "nodes": [{}]}',
        '{"event": "step", "at": 1, "phase": [], "step": 1, "steps": 2}',
        f'{{"event": "step", "at": 1, "phase": "training", "step": 1{"0" * 400}, "steps": 2}}',
        "[" * 100_000,
    ],
)
def test_an_event_that_no_job_has(line: str) -> None:
    found = complete()
    found[paths.EVENTS] += f"{line}\n".encode()
    record = read_record("j", found)
    assert said(record) == [f"{paths.EVENTS}: lines that cannot be read and are left out: 1"]


def test_an_event_of_a_later_version_is_no_fault() -> None:
    found = complete()
    found[paths.EVENTS] = b'{"event": "moved", "at": 1.0}\n' + found[paths.EVENTS]
    assert said(read_record("j", found)) == []


@pytest.mark.parametrize("text", [b"{", b"[1]", b"a: b: c", b"\xff", b"&a [*a]"])
def test_a_recipe_that_is_none(text: bytes) -> None:
    record = read_record("j", {**complete(), "recipe.yaml": text})
    assert record.recipe is None
    [problem] = said(record)
    assert problem.startswith("recipe.yaml cannot be read: ")


def test_nothing_at_all() -> None:
    record = read_record("j", {})
    assert (record.events, record.until, record.begin) == ((), 0.0, 0.0)
    assert len(said(record)) == len(FILES) - 1


def test_a_status_that_cannot_be_read() -> None:
    record = read_record("j", {**complete(), paths.STATUS: b"{}"})
    assert record.status is None
    assert record.state == "succeeded", "the last event says so"
    assert said(record) == ["status.json cannot be read: job is missing"]


def test_a_job_that_runs_is_known_until_now() -> None:
    events = jobs.restarted()[:8]
    status = dataclasses.replace(jobs.STATUS, state="running", updated=jobs.BEGIN + 60)
    record = read_record("j", jobs.files(events, status=status), age=3.0)
    assert record.runs and record.until == jobs.BEGIN + 63
    lost = read_record("j", jobs.files(events, status=status), state="lost", age=999.0)
    assert not lost.runs and lost.until == jobs.BEGIN + 60


def test_a_job_that_was_refused() -> None:
    events: list[Event] = [
        Phase(1.0, "starting", verbatim("")),
        Failure(2.0, verbatim("no model")),
        Finished(3.0, "failed", 2, 2.0, "/f", "/o"),
    ]
    status = JobStatus("j", "lab", "failed", ("10.0.0.11",), 1, 1.0, 3.0, "/o")
    assert "no rank has been started" in said(read_record("j", jobs.files(events, status=status)))


def test_a_job_without_any_figure_yet() -> None:
    status = dataclasses.replace(jobs.STATUS, state="running", step=None, loss=None)
    record = read_record("j", jobs.files(jobs.restarted()[:5], status=status))
    assert "no training step has been reported yet" in said(record)

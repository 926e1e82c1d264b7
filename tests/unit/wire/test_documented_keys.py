"""docs/events.md names every key that programs get, and no event or key that does not exist."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest

from dsk.cluster.model import Local, Node
from dsk.image.compare import Finding
from dsk.image.verify import Verdict
from dsk.jobs.overview import Overview
from dsk.jobs.states import JobState, WorkerState
from dsk.wire import events, figures, progress, status, transfer

DOC = Path(__file__).parents[3] / "docs" / "events.md"
TEXT = DOC.read_text(encoding="utf-8")
JOB = status.JobStatus("j", "lab", "running", (), 1, 1.0, 1.0, "/o")
NAME = re.compile(r"`([a-z_]+)`")


def tables() -> list[dict[str, set[str]]]:
    """Of each table whose first column is `event`: the keys by event."""
    found: list[dict[str, set[str]]] = []
    for block in TEXT.split("\n\n"):
        header, *rows = block.splitlines()
        if not header.startswith("| event |"):
            continue
        assert all(row.startswith("|") for row in rows), f"text in a table: {rows[-1]}"
        cells = [row.split("|") for row in rows[1:]]
        found.append({NAME.findall(row[1])[0]: set(NAME.findall(row[2])) for row in cells})
    return found


def paragraph(start: str) -> set[str]:
    """The names in the paragraphs from `start` up to the next that begins with a command."""
    begin = TEXT.index(start)
    rest = TEXT[begin + len(start) :]
    end = re.search(r"\n\n`dsk |\n\n\| event|\n\nIn `<workspace>", rest)
    return set(NAME.findall(rest[: end.start()] if end else rest))


def of_classes(classes: tuple[type[Any], ...]) -> dict[str, set[str]]:
    return {
        each.__name__.lower(): {field.name for field in fields(each)} - {"at"} for each in classes
    }


def test_a_jobs_events() -> None:
    assert tables()[0] == of_classes(get_args(events.Event))


def test_the_kinds_of_notices() -> None:
    rows = TEXT.split("| kind of a notice |")[1].split("\n\n")[0].splitlines()[2:]
    assert {NAME.findall(row)[0] for row in rows} == set(get_args(events.NoticeKind))


def test_a_transfers_events() -> None:
    assert tables()[2] == of_classes(get_args(transfer.Event))


def test_an_error() -> None:
    assert tables()[1] == {"error": {"message", "where", "fix", "exit_code"}}


@pytest.mark.parametrize(
    "kind",
    [
        status.JobStatus,
        status.UnreadableStatus,
        status.NodeStatus,
        figures.NodeFigures,
        figures.RankFigures,
        figures.HostFigures,
        figures.GpuFigures,
        progress.Progress,
    ],
)
def test_the_state_of_jobs(kind: type[Any]) -> None:
    missing = {field.name for field in fields(kind)} - paragraph("`dsk status --json` prints")
    assert missing == set()


def test_the_workers() -> None:
    node = Node(0, "10.0.0.11", 1, Local())
    shown = Overview((WorkerState(node, "running"),), (JobState(JOB, "running", 0.0),)).to_json()
    named = paragraph("`dsk status --json` prints")
    assert {*shown, *shown["nodes"][0], *shown["jobs"][0]} - named == set()


def test_an_image_that_is_verified() -> None:
    named = paragraph("`dsk image verify --json` prints")
    found = {field.name for field in fields(Finding)}
    assert {"equal", "places", *Verdict("node0").to_json(), *found} - named == set()

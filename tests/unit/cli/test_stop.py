"""`dsk stop` says what is left where something is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from dsk.cli import stop
from dsk.cli.context import Context
from dsk.errors import JobFailed
from dsk.text import verbatim
from dsk.wire.events import Event, Finished, Notice, Phase, encode

ENDING = Phase(5.0, "stopping", verbatim("ending what is left of the job on every node"))
LEFT = "node1 (10.0.0.12): 2 processes of the job would not end"
STOPPED = Finished(9.0, "stopped", 130, 8.0, "/jobs/j1", "/out")


def run(monkeypatch: pytest.MonkeyPatch, *events: Event) -> Any:
    said = "".join(encode(event) + "\n" for event in events).encode()
    runtime = SimpleNamespace(
        cluster=SimpleNamespace(workspace="/w"),
        running=lambda: [SimpleNamespace(job="j1", stop=lambda: None)],
        stream=lambda _argv: [said],
    )

    @contextmanager
    def opened(_self: Context) -> Iterator[SimpleNamespace]:
        yield runtime

    monkeypatch.setattr(Context, "runtime", opened)
    return CliRunner().invoke(stop.command, obj=Context(file=None))  # type: ignore[arg-type]


def test_a_job_that_has_ended_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, ENDING, STOPPED)
    assert (done.exit_code, done.output) == (0, "job j1 has ended on all nodes\n")


def test_what_would_not_end_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, ENDING, Notice(6.0, "left_over", verbatim(LEFT), 1), STOPPED)
    assert isinstance(done.exception, JobFailed)
    assert LEFT in str(done.exception)
    assert "on all nodes" not in done.output

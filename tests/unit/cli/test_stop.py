"""`dsk stop` says what is left where something is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from dsk.cli import stop
from dsk.cli.context import Context
from dsk.errors import JobFailed, UserError
from dsk.jobs import saving
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


def run_save(
    monkeypatch: pytest.MonkeyPatch, outcome: Any, *words: str, saves: bool = True
) -> tuple[Any, list[str]]:
    """`outcome`: what the wait for the checkpoint returns, or raises."""
    done: list[str] = []

    def save_and_end(_runtime: Any, _supervisor: Any, within: Any, _tell: Any) -> Any:
        done.append(f"save within {within}")
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    last = outcome if isinstance(outcome, Finished) else STOPPED
    said = f"{encode(last)}\n".encode()
    supervisor = SimpleNamespace(job="j1", stop=lambda: done.append("stop"))
    runtime = SimpleNamespace(
        cluster=SimpleNamespace(workspace="/w"),
        running=lambda: [supervisor],
        stream=lambda _argv: [said],
    )

    @contextmanager
    def opened(_self: Context) -> Iterator[SimpleNamespace]:
        yield runtime

    monkeypatch.setattr(Context, "runtime", opened)
    monkeypatch.setattr(saving, "save_and_end", save_and_end)
    monkeypatch.setattr(saving, "check_can_save", lambda *_: saves)
    context = Context(file=None)  # type: ignore[arg-type]
    return CliRunner().invoke(stop.command, ["--save", *words], obj=context), done


def test_a_job_that_saved_is_not_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    result, done = run_save(monkeypatch, replace(STOPPED, saved_step=12), "--within", "10m")
    assert (result.exit_code, done) == (0, ["save within 600.0"])
    assert "has saved a checkpoint at step 12" in result.output


@pytest.mark.parametrize("outcome", [None, KeyboardInterrupt()])
def test_out_of_time_or_patience_it_is_stopped_hard(
    monkeypatch: pytest.MonkeyPatch, outcome: Any
) -> None:
    result, done = run_save(monkeypatch, outcome)
    assert (result.exit_code, done) == (0, ["save within None", "stop"])
    assert "without a checkpoint" in result.output


def test_a_job_without_a_folder_has_nothing_to_save(monkeypatch: pytest.MonkeyPatch) -> None:
    result, done = run_save(monkeypatch, None, saves=False)
    assert (result.exit_code, done) == (0, ["stop"])
    assert "nothing to save" in result.output


def test_a_job_that_fails_meanwhile_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = run_save(monkeypatch, Finished(9.0, "failed", 1, 8.0, "/jobs/j1", "/out"))
    assert isinstance(result.exception, JobFailed)
    assert "failed before a checkpoint was complete" in str(result.exception)


def test_a_limit_without_a_save_is_refused() -> None:
    context = Context(file=None)  # type: ignore[arg-type]
    result = CliRunner().invoke(stop.command, ["--within", "10m"], obj=context)
    assert isinstance(result.exception, UserError)

"""What a signal makes of a job."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dsk.supervisor import __main__ as program
from dsk.supervisor.job import Job
from dsk.wire import paths
from dsk.wire.events import Failure, Finished, decode
from dsk.wire.signals import STOP
from tests.texts import en
from tests.unit.wire.test_messages import SPEC

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture(autouse=True)
def inherited() -> Iterator[None]:
    """As below a shell that has put it in the background."""
    before = [signal.signal(number, signal.SIG_IGN) for number in SIGNALS]
    yield
    for number, handler in zip(SIGNALS, before, strict=True):
        signal.signal(number, handler)


def run(
    number: signal.Signals,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> tuple[int, str, list[Failure]]:
    """The exit code, the state and the failures of a job that gets that signal, and more
    while it is being ended."""

    class Signalled(Job):
        def _run(self, started: ExitStack) -> Failure | None:
            started.callback(os.kill, os.getpid(), signal.SIGTERM)
            started.callback(os.kill, os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), number)
            time.sleep(20)
            return None

    Path(paths.spec(str(folder))).write_text(SPEC.to_json())
    monkeypatch.setattr(sys, "argv", ["dsk-supervisor", str(folder)])
    monkeypatch.setattr(program, "Job", Signalled)
    code = program.main()
    told = [decode(line) for line in capfd.readouterr().out.splitlines()]
    assert isinstance(told[-1], Finished)
    return code, told[-1].state, [each for each in told if isinstance(each, Failure)]


def test_the_users_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(STOP, tmp_path, monkeypatch, capfd) == (130, "stopped", [])


def test_an_engine_that_shuts_down_is_not_the_users_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    code, state, (failure,) = run(signal.SIGTERM, tmp_path, monkeypatch, capfd)
    assert (code, state) == (1, "failed")
    assert "the master's engine, server or container is shut down" in en(failure.cause)

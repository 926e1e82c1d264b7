"""/run/dsk of a worker, here in a folder of the test's own."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from dsk.agent import figures, lock
from dsk.wire import paths, session
from tests.unit.agent.peers import Agent


@pytest.fixture(autouse=True)
def run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    run = tmp_path / "run"
    monkeypatch.setattr(session, "NEWS_WAIT_S", 0.2)  # between reports
    monkeypatch.setattr(figures, "EVERY_S", 0.2)  # between what they report
    for name, folder in {"LINKS": "jobs", "PROGRESS": "progress", "AGENTS": "agents"}.items():
        monkeypatch.setattr(paths, name, PurePosixPath(run / folder))
    for function in (lock.take, lock.holder, lock.replace, inspect.unwrap(lock.guard)):
        monkeypatch.setattr(function, "__defaults__", (run / "lock",))
    return run


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    made = Agent(tmp_path / "w", lease=60)
    yield made
    made.end()

"""/run/dsk of a worker, here in a folder of the test's own."""

from __future__ import annotations

import inspect
from pathlib import Path, PurePosixPath

import pytest

from dsk.agent import lock
from dsk.wire import paths


@pytest.fixture(autouse=True)
def run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    run = tmp_path / "run"
    for name, folder in {"LINKS": "jobs", "PROGRESS": "progress", "AGENTS": "agents"}.items():
        monkeypatch.setattr(paths, name, PurePosixPath(run / folder))
    for function in (lock.take, lock.holder, lock.replace, inspect.unwrap(lock.guard)):
        monkeypatch.setattr(function, "__defaults__", (run / "lock",))
    return run

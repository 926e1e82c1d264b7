"""A program that outlives who started it: two `Background`s stand for two runs of dsk."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsk.connect.background import Background

TALK = 'echo one; while [ ! -e "$1" ]; do sleep 0.05; done; echo two; exit 7'


@pytest.fixture
def go(tmp_path: Path) -> Path:
    """Lets the program go on to its end."""
    return tmp_path / "go"


@pytest.fixture
def started(tmp_path: Path, go: Path) -> Iterator[Background]:
    folder = tmp_path / "folder"
    folder.mkdir()
    background = Background(folder)
    assert not background.started and not background.alive()
    background.start(["sh", "-c", TALK, "sh", str(go)])
    yield background
    background.signal(signal.SIGKILL)
    background.exit_code()


def test_another_one_sees_it_live_and_end(started: Background, go: Path) -> None:
    other = Background(started.folder)
    assert other.started and other.alive() and started.alive()
    assert not other.wait(0.1)
    go.touch()
    assert other.wait(10)
    assert started.exit_code() == 7
    assert not other.alive() and not started.alive()
    assert other.exit_code() is None
    assert other.wait(0) and b"".join(other.output()) == b"one\ntwo\n"


def test_its_output_is_followed_to_the_end(started: Background, go: Path) -> None:
    chunks = Background(started.folder).output()
    assert next(chunks) == b"one\n"
    go.touch()
    assert b"".join(chunks) == b"two\n"


def test_another_one_ends_it(started: Background) -> None:
    other = Background(started.folder)
    other.signal(signal.SIGTERM)
    assert other.wait(10)
    assert started.exit_code() == -signal.SIGTERM


def test_a_process_that_was_given_the_number_later_is_left_alone(
    started: Background, go: Path, tmp_path: Path
) -> None:
    go.touch()
    started.exit_code()
    bystander = Background(tmp_path / "bystander")
    bystander.folder.mkdir()
    bystander.start(["sleep", "60"])
    number = (bystander.folder / "lock").read_text()
    (started.folder / "lock").write_text(number)
    Background(started.folder).signal(signal.SIGKILL)
    time.sleep(0.2)
    assert bystander.alive()
    bystander.signal(signal.SIGKILL)
    assert bystander.exit_code() == -signal.SIGKILL


def test_its_children_do_not_hold_the_lock(tmp_path: Path) -> None:
    """As the supervisor starts them: by Python's subprocess."""
    folder = tmp_path / "folder"
    folder.mkdir()
    background = Background(folder)
    child = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid)"
    background.start(["python3", "-c", child])
    assert background.exit_code() == 0
    try:
        assert not Background(folder).alive()
    finally:
        os.kill(int(b"".join(background.output())), signal.SIGKILL)

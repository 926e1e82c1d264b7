"""Ctrl-C while a server does not answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Dsk

ENDS_WITHIN_S = 30
"""The limit of what a server is asked is 60 s."""
PROGRAM = """
from dsk.cli.main import main
from dsk.connect import processes
processes.GRACE_S = 0.5
main()
"""
TRAIN = "train.yaml"


@pytest.fixture
def hung(tmp_path: Path) -> Path:
    """A folder of programs that a server whose disk hangs would have: none of them answers."""
    folder = tmp_path / "hung"
    folder.mkdir()
    for name in ("date", "docker", "df", "stat", "dmesg"):
        program = folder / name
        # Deaf to the signal that dsk sends first, as a program is that waits for a disk.
        program.write_text(f"#!/bin/sh\ntrap '' TERM\necho {name} >>{folder}/started\nsleep 50\n")
        program.chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("words", "asked"),
    # A launch looks at the servers while it connects to the master's engine.
    [(("check",), {"date"}), (("launch", TRAIN), {"date", "docker"})],
)
def test_it_ends_dsk_and_nothing_more_is_started(
    here: Callable[[], Dsk], hung: Path, words: tuple[str, ...], asked: set[str]
) -> None:
    dsk = here()
    dsk.train()
    env = {**os.environ, "PATH": f"{hung}:{os.environ['PATH']}"}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words], cwd=dsk.folder, env=env, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        deadline = time.monotonic() + 30
        while not (hung / "started").exists():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        try:
            out, _ = process.communicate(timeout=ENDS_WITHIN_S)
        finally:
            process.kill()
    assert process.returncode == 130, out
    assert "interrupted" in out
    assert time.monotonic() - begin < ENDS_WITHIN_S
    assert set((hung / "started").read_text().split()) <= asked

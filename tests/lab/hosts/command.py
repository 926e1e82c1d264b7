"""How the lab runs programs, waits and fails."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence


class LabError(Exception):
    """The lab cannot do what was asked; the text says what and why."""


def run(argv: Sequence[str], *, timeout: float = 120, stdin: str | None = None) -> str:
    """Run a program to its end and return its stdout.

    Raises:
        LabError: it failed or took longer than `timeout` seconds; holds its stderr.
    """
    try:
        done = subprocess.run(
            argv, input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )
    except FileNotFoundError as error:
        raise LabError(f"{argv[0]} is not installed; run scripts/engine.sh --lab") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"no end after {timeout:g} s: {' '.join(argv)}") from error
    if done.returncode != 0:
        said = done.stderr.strip() or done.stdout.strip()
        raise LabError(f"exit code {done.returncode}: {' '.join(argv)}\n{said}")
    return done.stdout


def wait_until(true: Callable[[], bool], what: str, *, seconds: float) -> None:
    """Poll `true` every 50 ms.

    Raises:
        LabError: it was still false after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise LabError(f"waited {seconds:g} s for {what}")
        time.sleep(0.05)

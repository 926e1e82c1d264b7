"""Every program that the operator's side starts runs through here, so that Ctrl-C can end them."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from subprocess import DEVNULL, PIPE, STDOUT, Popen, TimeoutExpired

__all__ = [
    "PIPE",
    "STDOUT",
    "Completed",
    "Popen",
    "TimeoutExpired",
    "end",
    "interrupt",
    "run",
    "start",
]

GRACE_S = 5.0

_live: set[Popen[bytes]] = set()
_lock = threading.Lock()


@dataclass(frozen=True)
class Completed:
    """How a program ended; a negative `returncode` is the signal that ended it."""

    returncode: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        return self.stdout.decode(errors="replace").strip()

    @property
    def error(self) -> str:
        return self.stderr.decode(errors="replace").strip()


def start(
    argv: Sequence[str],
    *,
    stdin: int | None = DEVNULL,
    stdout: int | None = PIPE,
    stderr: int | None = PIPE,
    env: Mapping[str, str] | None = None,
    foreground: bool = False,
) -> Popen[bytes]:
    """Starts a program, by default out of reach of the terminal's Ctrl-C: dsk decides what ends.

    `foreground` leaves it the terminal. `env` is added to dsk's own environment.
    Raises FileNotFoundError where there is no such program.
    """
    process = Popen(
        list(argv),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env={**os.environ, **(env or {})},
        start_new_session=not foreground,
    )
    with _lock:
        _live.difference_update([other for other in _live if other.returncode is not None])
        _live.add(process)
    return process


def run(
    argv: Sequence[str],
    *,
    input: bytes | None = None,  # noqa: A002 - run's own name
    timeout: float,
    env: Mapping[str, str] | None = None,
) -> Completed:
    """Runs a program to its end.

    Raises FileNotFoundError, and TimeoutExpired after `timeout` seconds; the program is
    gone then.
    """
    stdin = DEVNULL if input is None else PIPE
    process = start(argv, stdin=stdin, env=env)
    try:
        stdout, stderr = process.communicate(input, timeout=timeout)
    finally:
        end(process)
    return Completed(process.returncode, stdout, stderr)


def end(process: Popen[bytes]) -> None:
    """Ends a program, kindly at first; it is reaped afterwards."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(GRACE_S)
        except TimeoutExpired:
            process.kill()
            process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
    with _lock:
        _live.discard(process)


def interrupt() -> None:
    """Ends what runs now, from whatever thread it was started."""
    with _lock:
        running = list(_live)
    for process in running:
        if process.poll() is None:
            process.terminate()

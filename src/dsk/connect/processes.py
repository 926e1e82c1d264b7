"""Every program that the operator's side starts runs through here, so that Ctrl-C can end them."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from signal import SIGKILL, SIGTERM, Signals
from subprocess import DEVNULL, PIPE, STDOUT, Popen, TimeoutExpired
from typing import TypeVar

__all__ = [
    "PIPE",
    "STDOUT",
    "Completed",
    "Interrupted",
    "Popen",
    "TimeoutExpired",
    "end",
    "inherited",
    "interrupt",
    "run",
    "start",
]

GRACE_S = 5.0

T = TypeVar("T")

_live: dict[Popen[bytes], bool] = {}
"""By whether it leads a process group of its own."""
_lock = threading.Lock()
_interrupts = 0
_of_thread = threading.local()


class Interrupted(KeyboardInterrupt):
    """Ctrl-C came while this thread worked for the one that got it: it starts nothing more."""


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
    Raises FileNotFoundError where there is no such program, and Interrupted after `interrupt` in
    the threads that worked then.
    """
    _check_interrupted()
    process = Popen(
        list(argv),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env={**os.environ, **(env or {})},
        start_new_session=not foreground,
    )
    with _lock:
        for ended in [other for other in _live if other.returncode is not None]:
            del _live[ended]
        _live[process] = not foreground
    try:
        _check_interrupted()  # it may have come between
    except Interrupted:
        end(process)
        raise
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
        _live.pop(process, None)


def inherited(fn: Callable[[], T]) -> Callable[[], T]:
    """`fn` for another thread, which then belongs to this one's work: an interrupt ends both."""
    seen = _interrupts_seen()

    def in_thread() -> T:
        _of_thread.interrupts = seen
        try:
            return fn()
        finally:
            del _of_thread.interrupts

    return in_thread


def interrupt() -> None:
    """Ends what runs now, from whatever thread it was started, and has the threads of `inherited`
    start nothing more. The caller itself may start what cleans up, in new threads too.

    A program's own children are ended with it, as they may hold its output open; what does not end
    within GRACE_S is killed.
    """
    global _interrupts  # noqa: PLW0603 - one for the process, as Ctrl-C is
    with _lock:
        _interrupts += 1
        running = dict(_live)
    for process, leads in running.items():
        if process.returncode is None:
            _signal(process, SIGTERM, group=leads)
    killer = threading.Timer(GRACE_S, _kill, (running,))
    killer.daemon = True
    killer.start()


def _kill(interrupted: Mapping[Popen[bytes], bool]) -> None:
    with _lock:
        left = {process: leads for process, leads in interrupted.items() if process in _live}
    for process, leads in left.items():
        _signal(process, SIGKILL, group=leads)


def _signal(process: Popen[bytes], signal: Signals, *, group: bool) -> None:
    with contextlib.suppress(ProcessLookupError):
        if group:
            os.killpg(process.pid, signal)
        else:
            process.send_signal(signal)


def _interrupts_seen() -> int:
    """How many there had been when this thread's work began; a thread of nobody's has seen all."""
    return getattr(_of_thread, "interrupts", _interrupts)


def _check_interrupted() -> None:
    if _interrupts_seen() != _interrupts:
        raise Interrupted

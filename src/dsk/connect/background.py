"""A program that outlives dsk on this machine: found again by the lock that it holds.

Its folder has `lock`, held with flock for as long as it lives and naming its process id, and
`output`, all that it prints.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from subprocess import DEVNULL, STDOUT, Popen

LOOK_EVERY_S = 0.1
NAMED_WITHIN_S = 2.0
CHUNK = 65536


class Background:
    """One that was started before, by whatever dsk, in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: Popen[bytes] | None = None

    @property
    def _lock(self) -> Path:
        return self.folder / "lock"

    @property
    def _output(self) -> Path:
        return self.folder / "output"

    @property
    def started(self) -> bool:
        """Whether a program ever was: `output` is made when the lock is held already."""
        return self._output.exists()

    def start(self, argv: Sequence[str]) -> None:
        """In a session of its own, out of reach of the terminal. Raises FileNotFoundError."""
        with self._lock.open("w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with self._output.open("wb") as output:
                # The lock belongs to the open file, which the program inherits and its own
                # children, started by Python, do not.
                self._process = Popen(
                    list(argv),
                    stdin=DEVNULL,
                    stdout=output,
                    stderr=STDOUT,
                    cwd="/",
                    pass_fds=[lock.fileno()],
                    start_new_session=True,
                )
            lock.write(f"{self._process.pid}\n")

    def alive(self) -> bool:
        if self._process:
            return self._process.poll() is None
        try:
            with self._lock.open(encoding="ascii") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            pass
        return False

    def exit_code(self) -> int | None:
        """Of the ended program; None where another dsk has started it."""
        return self._process.wait() if self._process else None

    def output(self) -> Iterator[bytes]:
        """From its start to its end, in chunks that may end anywhere."""
        with self._output.open("rb") as file:
            while True:
                ended = not self.alive()
                while chunk := file.read(CHUNK):
                    yield chunk
                if ended:
                    return
                time.sleep(LOOK_EVERY_S)

    def signal(self, number: signal.Signals) -> None:
        """Nothing happens where it has ended."""
        with self._pidfd() as pidfd:
            if pidfd is not None:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(pidfd, number)

    def wait(self, limit_s: float) -> bool:
        """Whether it ended within the limit."""
        with self._pidfd() as pidfd:
            return pidfd is None or bool(select.select([pidfd], [], [], limit_s)[0])

    @contextlib.contextmanager
    def _pidfd(self) -> Iterator[int | None]:
        """Stands for this very process, also if its number were given away meanwhile; None where
        it has ended."""
        pid = self._pid()
        pidfd = None
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                pidfd = os.pidfd_open(pid)
        try:
            # Alive after the process was opened: it was the one that holds the lock.
            yield pidfd if self.alive() else None
        finally:
            if pidfd is not None:
                os.close(pidfd)

    def _pid(self) -> int | None:
        """None where it has ended. Whoever starts it writes the number an instant later."""
        deadline = time.monotonic() + NAMED_WITHIN_S
        while self.alive() and time.monotonic() < deadline:
            if text := self._lock.read_text(encoding="ascii").strip():
                return int(text)
            time.sleep(LOOK_EVERY_S)
        return None

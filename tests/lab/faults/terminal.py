"""dsk in a terminal of its own: keys are pressed, the window is closed."""

from __future__ import annotations

import os
import select
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tests.lab.cluster import Running

CTRL_C = b"\x03"


class Terminal(Running):
    def __init__(self, argv: Sequence[str], folder: Path) -> None:
        self._path = folder / f"out-{time.monotonic_ns()}"
        self._keyboard, screen = os.openpty()
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *argv],
            cwd=folder,
            stdin=screen,
            stdout=screen,
            stderr=screen,
            env={**os.environ, "TERM": "dumb", "COLUMNS": "200"},
        )
        os.close(screen)
        self._closed = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def press(self, key: bytes) -> None:
        os.write(self._keyboard, key)

    def close(self) -> None:
        """As the window's button does: the kernel hangs up on who runs in it."""
        if not self._closed.is_set():
            self._closed.set()
            self._reader.join()
            os.close(self._keyboard)

    def _read(self) -> None:
        with self._path.open("ab", buffering=0) as file:
            while not self._closed.is_set():
                readable, _, _ = select.select([self._keyboard], [], [], 0.1)
                try:
                    file.write(os.read(self._keyboard, 1 << 16) if readable else b"")
                except OSError:  # everybody in it has ended
                    return

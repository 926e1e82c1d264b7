"""DeepSpeed's runner as a process of the master container."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dsk.wire import paths


@dataclass(frozen=True)
class LauncherLine:
    text: str


@dataclass(frozen=True)
class LauncherExited:
    """`code` as DeepSpeed gives it: 0 also where its pdsh was killed, so it proves nothing."""

    code: int


class Launcher:
    """Its lines and its end are handed to `tell`, from a thread."""

    def __init__(
        self,
        argv: list[str],
        env: Mapping[str, str],
        tell: Callable[[LauncherLine | LauncherExited], None],
    ) -> None:
        self._process = subprocess.Popen(
            argv,
            env=env,
            # It sends its ranks to the same path, unquoted and with links resolved: the workspace
            # behind the job's link may hold blanks. And it puts it on their PYTHONPATH.
            cwd=paths.LINKS,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._tell = tell
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - opened with PIPE above
        for line in self._process.stdout:
            self._tell(LauncherLine(line.rstrip()))
        self._tell(LauncherExited(self._process.wait()))

    def end(self) -> None:
        """Kills the runner with its pdsh and ssh, which would take 5 s to see that the ranks ended.
        Never by SIGTERM, on which it runs `pkill -f` on every node."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

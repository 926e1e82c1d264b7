"""How bytes get on, each under a name: bars on a terminal, in a pipe a line for each tenth."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from dsk.cli.controls import printable
from dsk.cli.printing import echo

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

Self = TypeVar("Self", bound="Progress")

PART_SHOWN = 0.1
MB, GB = 1e6, 1e9


class Progress:
    """For several threads. Use it in a `with`, so that the terminal is left as it was."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bars: RichProgress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._begun: dict[str, float] = {}
        self._shown: dict[str, int] = {}

    def update(self, name: str, done: int, total: int) -> None:
        """`done` of `total` bytes; what more is to come may still be found out on the way."""
        with self._lock:
            if sys.stdout.isatty():
                self._draw(name, done, total)
            else:
                self._tell(name, done, total)

    def say(self, line: str) -> None:
        """Above the bars, where there are some."""
        with self._lock:
            if self._bars is None:
                echo(line)
            else:
                self._bars.console.print(printable(line), markup=False, highlight=False)

    def _tell(self, name: str, done: int, total: int) -> None:
        begun = self._begun.setdefault(name, time.monotonic())
        shown = self._shown.get(name, 0)
        if done >= shown + total * PART_SHOWN or shown < done == total:
            self._shown[name] = done
            unit, word = (GB, "GB") if total >= GB else (MB, "MB")
            rate = done / MB / max(time.monotonic() - begun, 0.1)
            echo(f"{name}: {done / unit:.1f} of {total / unit:.1f} {word}, {rate:.0f} MB/s")

    def _draw(self, name: str, done: int, total: int) -> None:
        if self._bars is None:
            from rich.progress import BarColumn, DownloadColumn, TransferSpeedColumn
            from rich.progress import Progress as RichProgress

            self._bars = RichProgress(
                "{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn()
            )
            self._bars.start()
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name)
        self._bars.update(self._tasks[name], completed=done, total=total or None)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

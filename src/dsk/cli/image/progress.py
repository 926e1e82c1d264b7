"""Bytes on their way from or to a file: bars on a terminal, a line now and then in a pipe."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

GB = 1e9
PART_SHOWN = 0.1
"""Where there is no terminal, a line each time that this much more is done."""


class Bytes:
    """Call it with what is being done, bytes done and bytes in all; from several threads too."""

    def __init__(self) -> None:
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._shown: dict[str, float] = {}
        self._lock = threading.Lock()

    def __call__(self, what: str, done: int, total: int) -> None:
        with self._lock:
            if sys.stdout.isatty():
                self._draw(what, done, total)
            else:
                self._tell(what, done, total)

    def _tell(self, what: str, done: int, total: int) -> None:
        part = done / total if total else 1.0
        if part >= self._shown.get(what, 0.0) + PART_SHOWN:
            self._shown[what] = part
            click.echo(f"  {what} {done / GB:.1f} of {total / GB:.1f} GB")

    def _draw(self, what: str, done: int, total: int) -> None:
        if self._bars is None:
            from rich.progress import BarColumn, DownloadColumn, TransferSpeedColumn
            from rich.progress import Progress as Bars

            name = "{task.description}"
            self._bars = Bars(name, BarColumn(), DownloadColumn(), TransferSpeedColumn())
            self._bars.start()
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what)
        self._bars.update(self._tasks[what], completed=done, total=total)

    def __enter__(self) -> Bytes:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

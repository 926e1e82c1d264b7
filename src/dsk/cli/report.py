"""What fleet tells while it works, as lines; the image on its way as a bar a node on a terminal."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING

import click

from dsk.fleet.report import NodeDone, Said, Transferred

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

GB = 1e9
MB = 1e6
PART_SHOWN = 0.1
"""Where there is no terminal, a line each time that this much more has been sent."""


class Printer:
    """A fleet Report, for several threads; use it in a `with`, so that the terminal is left as it
    was."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bars: Progress | None = None
        self._tasks: dict[int, TaskID] = {}
        self._begun: dict[int, float] = {}
        self._shown: dict[int, int] = {}

    def __call__(self, event: Said | Transferred | NodeDone) -> None:
        with self._lock:
            if isinstance(event, Transferred):
                self._transferred(event)
            else:
                self._say(f"{event.node}: {event.text}" if event.node else event.text)

    def _say(self, line: str) -> None:
        if self._bars is None:
            click.echo(line)
        else:
            self._bars.console.print(line, markup=False, highlight=False)

    def _transferred(self, event: Transferred) -> None:
        if sys.stdout.isatty():
            self._draw(event)
            return
        index = event.node.index
        begun = self._begun.setdefault(index, time.monotonic())
        shown = self._shown.get(index, 0)
        step = event.total * PART_SHOWN
        if event.done >= shown + step or shown < event.done == event.total:
            self._shown[index] = event.done
            rate = event.done / MB / max(time.monotonic() - begun, 0.1)
            sent = f"{event.done / GB:.2f} of {event.total / GB:.2f} GB"
            click.echo(f"{event.node}: {sent} received, {rate:.0f} MB/s")

    def _draw(self, event: Transferred) -> None:
        if self._bars is None:
            from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

            self._bars = Progress(
                "{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn()
            )
            self._bars.start()
        if event.node.index not in self._tasks:
            self._tasks[event.node.index] = self._bars.add_task(str(event.node))
        task = self._tasks[event.node.index]
        self._bars.update(task, completed=event.done, total=event.total or None)

    def __enter__(self) -> Printer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

"""What fleet tells while it works, as lines; the image on its way as a bar on a terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING

import click

from dsk.fleet.report import NodeDone, Said, Transferred

if TYPE_CHECKING:
    from rich.progress import Progress

GB = 1e9
PART_SHOWN = 0.1
"""Where there is no terminal, a line each time that this much more has been sent."""


class Printer:
    """A fleet Report; use it in a `with`, so that the terminal is left as it was."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._shown = 0.0

    def __call__(self, event: Said | Transferred | NodeDone) -> None:
        if isinstance(event, Transferred):
            self._transferred(event)
        else:
            click.echo(f"{event.node}: {event.text}" if event.node else event.text)

    def _transferred(self, event: Transferred) -> None:
        complete = event.done >= event.total
        if sys.stdout.isatty():
            self._draw(event)
            if complete:
                self._stop()
            return
        part = event.done / event.total if event.total else 1.0
        if complete or part >= self._shown + PART_SHOWN:
            self._shown = 0.0 if complete else part
            click.echo(f"  {event.done / GB:.1f} of about {event.total / GB:.1f} GB sent")

    def _draw(self, event: Transferred) -> None:
        if self._bar is None:
            from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

            self._bar = Progress("image", BarColumn(), DownloadColumn(), TransferSpeedColumn())
            self._bar.add_task("image")
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=event.done, total=event.total)

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def __enter__(self) -> Printer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._stop()

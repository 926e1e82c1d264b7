"""How files on their way look: a bar per node on a terminal, lines in a pipe, or JSON."""

from __future__ import annotations

import math
import sys
from types import TracebackType
from typing import TYPE_CHECKING

import click

from dsk.wire.transfer import Asked, Done, Event, Failed, Moved, Planned, Said, encode

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from dsk.cluster.model import Cluster

PART_SHOWN = 0.1
"""Where there is no terminal, a line for each node when this much more has gone."""
DELETIONS_SHOWN = 20
MB = 1e6


class Printer:
    """Use it in a `with`, so that the terminal is left as it was."""

    def __init__(self, cluster: Cluster, *, as_json: bool) -> None:
        self._nodes = cluster.nodes
        self._as_json = as_json
        self._bars: Progress | None = None
        self._tasks: dict[int, TaskID] = {}
        self._due: dict[int, float] = {}

    def __call__(self, event: Event) -> None:
        if self._as_json:
            click.echo(encode(event))
        elif isinstance(event, Moved):
            self._moved(event)
        elif not isinstance(event, (Asked, Failed)):  # errors are shown at the end
            for line in self._lines(event):
                self._print(line)

    def agreed(self) -> bool:
        """Asks on a terminal; elsewhere `--delete` was the answer."""
        if self._as_json or not sys.stdin.isatty():
            return True
        return click.confirm("delete these?", default=False)

    def _lines(self, event: Said | Planned | Done) -> list[str]:
        name = "" if event.node is None else f"{self._nodes[event.node]}: "
        if isinstance(event, Said):
            return [f"{name}{event.text}"]
        if isinstance(event, Planned):
            shown = [f"  deletes {path}" for path in event.delete[:DELETIONS_SHOWN]]
            if len(event.delete) > DELETIONS_SHOWN:
                shown.append(f"  deletes {len(event.delete) - DELETIONS_SHOWN} more")
            return [f"{name}{_files(event.files)} to copy, {event.bytes / MB:.1f} MB", *shown]
        deleted = f", {event.deleted} deleted" if event.deleted else ""
        return [
            f"{name}done in {event.seconds:.1f} s: {_files(event.files)} copied"
            f" ({event.bytes / MB:.1f} MB), {_files(event.checked)} compared{deleted}"
        ]

    def _moved(self, event: Moved) -> None:
        if sys.stdout.isatty():
            self._draw(event)
            return
        part = event.done / event.total if event.total else 1.0
        if part >= self._due.get(event.node, PART_SHOWN):
            # The last line once only, and with certainty.
            self._due[event.node] = min(part + PART_SHOWN, 1.0) if part < 1 else math.inf
            click.echo(
                f"{self._nodes[event.node]}: {event.done / MB:.1f} of {event.total / MB:.1f} MB,"
                f" {event.rate / MB:.1f} MB/s"
            )

    def _draw(self, event: Moved) -> None:
        if self._bars is None:
            from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

            self._bars = Progress(
                "{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn()
            )
            self._bars.start()
        if event.node not in self._tasks:
            self._tasks[event.node] = self._bars.add_task(str(self._nodes[event.node]))
        self._bars.update(self._tasks[event.node], completed=event.done, total=event.total)

    def _print(self, line: str) -> None:
        if self._bars is None:
            click.echo(line)
        else:
            self._bars.console.print(line, markup=False, highlight=False)

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


def _files(number: int) -> str:
    return "1 file" if number == 1 else f"{number} files"

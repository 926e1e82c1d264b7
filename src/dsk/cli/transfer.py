"""How files on their way look: a bar per node on a terminal, lines in a pipe, or JSON."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from dsk.cli.printing import echo_json_text
from dsk.cli.progress import MB, Progress
from dsk.wire.transfer import Asked, Done, Event, Failed, Moved, Planned, Said, encode

if TYPE_CHECKING:
    from dsk.cluster.model import Cluster

DELETIONS_SHOWN = 20


class Printer(Progress):
    """A transfer's events."""

    def __init__(self, cluster: Cluster, *, as_json: bool) -> None:
        super().__init__()
        self._nodes = cluster.nodes
        self._as_json = as_json

    def __call__(self, event: Event) -> None:
        if self._as_json:
            echo_json_text(encode(event))
        elif isinstance(event, Moved):
            self.update(str(self._nodes[event.node]), event.done, event.total)
        elif not isinstance(event, (Asked, Failed)):  # errors are shown at the end
            for line in self._lines(event):
                self.say(line)

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


def _files(number: int) -> str:
    return "1 file" if number == 1 else f"{number} files"

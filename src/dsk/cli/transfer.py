"""How files on their way look: a bar per node on a terminal, lines in a pipe, or JSON."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from dsk.cli.language import preferred
from dsk.cli.printing import confirm, echo_json_text
from dsk.cli.progress import MB, Progress
from dsk.text import Text
from dsk.wire.transfer import Asked, Done, Event, Failed, Moved, Planned, Said, for_programs

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
            echo_json_text(for_programs(event))
        elif isinstance(event, Moved):
            self.update(str(self._nodes[event.node]), event.done, event.total)
        elif not isinstance(event, (Asked, Failed)):  # errors are shown at the end
            for line in self._lines(event):
                self.say(line)

    def agreed(self) -> bool:
        """Asks on a terminal; elsewhere `--delete` was the answer."""
        if self._as_json or not sys.stdin.isatty():
            return True
        return confirm(Text("delete these?"))

    def _lines(self, event: Said | Planned | Done) -> list[str]:
        name = "" if event.node is None else f"{self._nodes[event.node]}: "
        if isinstance(event, Said):
            return [f"{name}{event.text.in_language(preferred())}"]
        if isinstance(event, Planned):
            planned = Text("{files} to copy, {size:.1f} MB")
            texts = [planned.filled(files=_files(event.files), size=event.bytes / MB)]
            shown = event.delete[:DELETIONS_SHOWN]
            texts += [Text("  deletes {path}").filled(path=path) for path in shown]
            if more := len(event.delete) - len(shown):
                texts.append(Text("  deletes {more} more").filled(more=more))
        else:
            done = (
                Text(
                    "done in {seconds:.1f} s: {files} copied ({size:.1f} MB), {checked} compared, "
                    "{deleted} deleted"
                )
                if event.deleted
                else Text(
                    "done in {seconds:.1f} s: {files} copied ({size:.1f} MB), {checked} compared"
                )
            )
            values = {"seconds": event.seconds, "size": event.bytes / MB}
            files = {"files": _files(event.files), "checked": _files(event.checked)}
            texts = [done.filled(**values, **files, deleted=event.deleted)]
        first, *others = (each.in_language(preferred()) for each in texts)
        return [f"{name}{first}", *others]


def _files(number: int) -> Text:
    return Text("1 file") if number == 1 else Text("{number} files").filled(number=number)

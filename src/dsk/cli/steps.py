"""What a command tells while it works on the nodes, as lines, with a bar for each node
that gets the image."""

from __future__ import annotations

from dsk.cli.language import preferred
from dsk.cli.progress import Progress
from dsk.servers.progress import NodeDone, Said, Transferred


class Printer(Progress):
    """A `dsk.servers.progress.Tell`."""

    def __call__(self, event: Said | Transferred | NodeDone) -> None:
        if isinstance(event, Transferred):
            self.update(str(event.node), event.done, event.total)
        else:
            text = event.text.in_language(preferred())
            self.say(f"{event.node}: {text}" if event.node else text)

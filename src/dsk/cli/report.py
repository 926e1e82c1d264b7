"""What fleet tells while it works, as lines; the image on its way with a bar a node."""

from __future__ import annotations

from dsk.cli.progress import Progress
from dsk.fleet.report import NodeDone, Said, Transferred


class Printer(Progress):
    """A fleet Report."""

    def __call__(self, event: Said | Transferred | NodeDone) -> None:
        if isinstance(event, Transferred):
            self.update(str(event.node), event.done, event.total)
        else:
            self.say(f"{event.node}: {event.text}" if event.node else event.text)

"""What a user does about a worker, by its cluster's runtime. For checks and the supervisor.

With an engine, `dsk up` made the worker. In place, a platform started a container of the image.
"""

from __future__ import annotations

from dataclasses import dataclass

from dsk.text import Text


@dataclass(frozen=True)
class Remedy:
    """`in_place` names no command of an engine."""

    engine: Text
    in_place: Text

    def of(self, *, in_place: bool) -> Text:
        return self.in_place if in_place else self.engine


UP = Remedy(
    engine=Text("dsk up"),
    in_place=Text("start that container's worker again, with the settings of dsk.yaml"),
)
OTHER_VERSION = Remedy(
    engine=Text("was the worker made by another version of dsk? run: dsk up"),
    in_place=Text(
        "is its image of another version of dsk? start every container from the same image"
    ),
)
HOST_KEY = Remedy(
    engine=Text("the worker's host key is not the one in this cluster's bundle; run: dsk up"),
    in_place=Text(
        "if that container was recreated, take its new key: dsk keys --add FILE --replace"
    ),
)
LOGIN = Remedy(
    engine=Text("the worker does not know this cluster's key; run: dsk up"),
    in_place=Text(
        "its DSK_AUTHORIZED_KEY, and DSK_ALLOWED_FROM, must let in the key that dsk keys shows"
    ),
)
CONNECTION = Remedy(
    engine=Text("is the worker up there? run: dsk status, then dsk up"),
    in_place=Text(
        "is that container up, its worker at worker_port? Its log says: sshd on HOST:PORT"
    ),
)
DIFFERENCE = Remedy(
    engine=Text("give every node the same image and files: dsk up"),
    in_place=Text(
        "start every container from the same image, with the same workspace and accelerator"
    ),
)
GPUS = Remedy(
    engine=Text("lower the node's slots in dsk.yaml, or restart its worker: dsk up --force"),
    in_place=Text("lower the node's slots in dsk.yaml, or give its container the GPUs"),
)

"""`dsk image`: the workers' image, here and on the nodes. One file a command."""

from __future__ import annotations

import click

from dsk.cli.lazy import LazyGroup

COMMANDS: dict[str, str] = {
    "sync": "Give the image to the nodes that lack it, over the LAN, missing layers only.",
}


@click.group(cls=LazyGroup, package="dsk.cli.image", modules=COMMANDS)
def command() -> None:
    """Compare, send, save and load the workers' image."""

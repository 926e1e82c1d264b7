"""`dsk image`: the workers' image, here and on the nodes. One file a command."""

from __future__ import annotations

import click

from dsk.cli.lazy import LazyGroup

COMMANDS = {
    "verify": "Compare what is in the image with the lock, on every node.",
    "save": "Write the image to FILE, to be carried where no network reaches.",
    "load": "Give the image in FILE to this machine's engine, or to nodes.",
    "sync": "Give the image to the nodes that lack it, over the LAN, missing layers only.",
}


@click.group(cls=LazyGroup, package="dsk.cli.image", modules=COMMANDS)
def command() -> None:
    """Compare, send, save and load the workers' image."""

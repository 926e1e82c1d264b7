"""`dsk image sync`: the master's image to the other nodes."""

from __future__ import annotations

import click

from dsk.cli.context import Context, pass_context
from dsk.cli.nodes import node_option
from dsk.cli.printing import echo
from dsk.text import Text


@click.command()
@node_option("Only to this node: 1, node1 or its address; repeatable.", "--to")
@pass_context
def command(context: Context, *, named: tuple[str, ...]) -> None:
    """Give the image to the nodes that lack it, over the LAN, missing layers only.

    The master sends it to all of them side by side; it gets the image from this machine or its
    registry where it lacks it itself. Workers are left as they are: `dsk up` recreates them.
    Interrupted, it goes on with the next run.
    """
    from dsk.cli.errors import finish
    from dsk.cli.steps import Printer
    from dsk.cluster.selection import find_nodes
    from dsk.image.sync.alone import sync

    cluster = context.cluster_with_engines()
    chosen = find_nodes(cluster, named)
    with Printer() as tell:
        errors = sync(cluster, chosen, tell)
    finish(errors)
    count = len({node.index for node in chosen})
    text = Text("{count} of {count} nodes have the image {image}")
    echo(text.filled(count=count, image=cluster.image))

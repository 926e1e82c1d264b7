"""`dsk image load`: the image from a file."""

from __future__ import annotations

from pathlib import Path

import click

from dsk.cli.context import Context, pass_context
from dsk.cli.nodes import node_option
from dsk.cli.printing import echo
from dsk.text import Text


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@node_option("To this node's engine: 1, node1 or its address; repeatable.", "--to")
@pass_context
def command(context: Context, file: Path, *, named: tuple[str, ...]) -> None:
    """Give the image in FILE to this machine's engine, or to nodes.

    All of FILE is checked before an engine sees any of it. `dsk up` then gives the image to the
    nodes that lack it; where they have another of that name, the master's counts (--node node0).
    Without --node, no dsk.yaml is needed.
    """
    from dsk.cli.errors import finish
    from dsk.cli.progress import Progress
    from dsk.cluster.selection import find_nodes
    from dsk.image.load import load_here, load_nodes

    if not named:
        with Progress() as progress:
            done = load_here(file, progress)
        echo(Text("this machine: {done}; next: dsk up").filled(done=done))
        return
    cluster = context.cluster_with_engines()
    nodes = find_nodes(cluster, named)
    with Progress() as progress:
        results, errors = load_nodes(cluster, nodes, file, progress)
    for node in nodes:
        if node.index in results:
            text = Text("{node}: {done}")
            echo(text.filled(node=node, done=results[node.index]))
    finish(errors)

"""`dsk image load`: the image from a file."""

from __future__ import annotations

from pathlib import Path

import click

from dsk.cli.context import Context, pass_context
from dsk.cli.printing import echo


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--to", "hosts", multiple=True, metavar="HOST", help="A node's: 1, node1, …")
@pass_context
def command(context: Context, file: Path, *, hosts: tuple[str, ...]) -> None:
    """Give the image in FILE to this machine's engine, or to nodes.

    All of FILE is checked before an engine sees any of it. `dsk up` then gives the image to the
    nodes that lack it; where they have another of that name, the master's counts (--to node0). No
    dsk.yaml is needed without --to.
    """
    from dsk.cli.errors import finish
    from dsk.cli.progress import Progress
    from dsk.cluster.selection import find_nodes
    from dsk.fleet.load import load_here, load_nodes

    if not hosts:
        with Progress() as progress:
            done = load_here(file, progress)
        echo(f"this machine: {done}; next: dsk up")
        return
    cluster = context.cluster_with_engines()
    nodes = find_nodes(cluster, hosts, "--to")
    with Progress() as progress:
        results, errors = load_nodes(cluster, nodes, file, progress)
    for node in nodes:
        if node.index in results:
            echo(f"{node}: {results[node.index]}")
    finish(errors)

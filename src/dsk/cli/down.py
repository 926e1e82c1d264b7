"""`dsk down`: the nodes as they were before `dsk up`."""

from __future__ import annotations

import click

from dsk.cli.context import Context, pass_context
from dsk.cli.nodes import node_option


@click.command()
@node_option("Only there: 1, node1 or its address; repeatable.")
@click.option("--force", is_flag=True, help="Also while a job runs, which ends it.")
@pass_context
def command(context: Context, *, named: tuple[str, ...], force: bool) -> None:
    """Take away what `dsk up` made on the nodes. The workspace and the image stay."""
    from dsk.cli.errors import finish
    from dsk.cli.report import Printer
    from dsk.cluster.selection import find_nodes
    from dsk.fleet.down import down

    cluster = context.cluster_with_engines()
    nodes = find_nodes(cluster, named)
    with Printer() as report:
        errors = down(cluster, nodes, report, force=force)
    finish(errors)

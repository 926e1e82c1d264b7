"""`dsk down`: the nodes without workers."""

from __future__ import annotations

import click

from dsk.cli.context import Context, pass_context
from dsk.cli.nodes import node_option
from dsk.cli.trust import trust, trust_option


@click.command()
@node_option("Only there: 1, node1 or its address; repeatable.")
@trust_option
@click.option("--force", is_flag=True, help="Also while a job runs, which ends it.")
@pass_context
def command(
    context: Context, *, named: tuple[str, ...], accept_new_host_keys: bool, force: bool
) -> None:
    """Remove the workers and their keys from the nodes, also of workers started by hand.

    The workspace, the image, and `.dsk` beside dsk.yaml stay.
    """
    from dsk.cli.errors import finish
    from dsk.cli.steps import Printer
    from dsk.cluster.selection import find_nodes
    from dsk.fleet.down import down

    cluster = context.cluster_with_engines()
    nodes = find_nodes(cluster, named)
    who = trust(accept_new_host_keys=accept_new_host_keys)
    with Printer() as tell:
        errors = down(cluster, nodes, tell, trust=who, force=force)
    finish(errors)

"""`dsk pull`: the other nodes' files to the master."""

from __future__ import annotations

import click

from dsk.cli.context import Context, in_place_option, pass_context
from dsk.cli.nodes import node_option


@click.command()
@click.argument("path")
@node_option("Only from this node: 1, node1 or its address; repeatable.", "--host")
@click.option("--prefer-master", is_flag=True, help="Where a file differs, the master's stays.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line (docs/events.md).")
@in_place_option
@pass_context
def command(
    context: Context, path: str, *, named: tuple[str, ...], prefer_master: bool, as_json: bool
) -> None:
    """Copy what the other nodes have at PATH in their workspaces to the master's.

    The nodes' files are merged, such as the shards of a checkpoint on local disks. Nothing on the
    master is replaced: where two nodes have different files of one name, nothing is copied and both
    are named.
    """
    from dsk.cli.errors import finish
    from dsk.cli.transfer import Printer
    from dsk.cluster.selection import find_nodes
    from dsk.fleet import files

    cluster = context.cluster()
    chosen = find_nodes(cluster, named)
    order = files.order(cluster, "pull", path, chosen, prefer_master=prefer_master)
    with Printer(cluster, as_json=as_json) as show:
        errors = files.run(cluster, order, show, show.agreed)
    finish(errors)

"""`dsk push`: the master's files to the other nodes."""

from __future__ import annotations

import click

from dsk.cli.context import Context, in_place_option, pass_context
from dsk.cli.nodes import node_option


@click.command()
@click.argument("path")
@node_option("Only to this node: 1, node1 or its address; repeatable.", "--host")
@click.option("--delete", is_flag=True, help="Also delete there what the master does not have.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line (docs/events.md).")
@in_place_option
@pass_context
def command(
    context: Context, path: str, *, named: tuple[str, ...], delete: bool, as_json: bool
) -> None:
    """Copy PATH in the master's workspace to the other nodes' workspaces.

    PATH is absolute or relative to the workspace. What is there already is left alone; every file
    is compared by SHA-256. Cut off, the same command goes on where it stopped. Exit code 3 if a
    node could not be reached; the others have everything then.
    """
    from dsk.cli.errors import finish
    from dsk.cli.transfer import Printer
    from dsk.cluster.selection import find_nodes
    from dsk.fleet import files

    cluster = context.cluster()
    chosen = find_nodes(cluster, named)
    order = files.order(cluster, "push", path, chosen, delete=delete)
    with Printer(cluster, as_json=as_json) as show:
        errors = files.run(cluster, order, show, show.agreed)
    finish(errors)

"""`dsk exec`: a command in the workers."""

from __future__ import annotations

import sys

import click

from dsk.cli.context import Context, in_place_option, pass_context
from dsk.cli.nodes import node_option
from dsk.cli.printing import echo
from dsk.text import Text


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@node_option("Only there: 1, node1 or its address; repeatable.")
@click.argument("argv", nargs=-1, required=True, metavar="-- COMMAND [ARGUMENT]...")
@in_place_option
@pass_context
def command(context: Context, named: tuple[str, ...], argv: tuple[str, ...]) -> None:
    """Run COMMAND in the workers, on all nodes side by side.

    With one node, input, output and exit code are the command's own. With several, each line names
    its node, and the exit code is 1 if it failed on any.
    """
    from dsk.cli.errors import finish
    from dsk.cluster.selection import find_nodes
    from dsk.errors import DskError
    from dsk.fleet import execute

    cluster = context.cluster()
    nodes = find_nodes(cluster, named)
    if len(nodes) == 1:
        tty = sys.stdin.isatty() and sys.stdout.isatty()
        sys.exit(execute.on_one(cluster, nodes[0], argv, tty=tty))
    codes, errors = execute.on_all(
        cluster, nodes, argv, lambda place, line: echo(f"[{place.name}] {line}")
    )
    failed = [(nodes[index], code) for index, code in sorted(codes.items()) if code]
    finish(
        errors
        + [
            DskError(Text("exit code {code}").filled(code=code), where=str(place))
            for place, code in failed
        ]
    )

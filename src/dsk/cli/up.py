"""`dsk up`: a worker on every node."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from dsk.cli.context import Context, pass_context
from dsk.cli.printing import echo

if TYPE_CHECKING:
    from dsk.cluster.model import Node
    from dsk.connect.hostkeys import HostKey


@click.command()
@click.option(
    "--accept-new-host-keys",
    is_flag=True,
    help="Trust servers never seen before without asking; a changed key is still refused.",
)
@click.option(
    "--force",
    is_flag=True,
    help="Start every worker anew, also one that runs a job: that ends the job.",
)
@pass_context
def command(context: Context, *, accept_new_host_keys: bool, force: bool) -> None:
    """Bring every node up: image, keys and a worker that one can log in to.

    Only what differs from dsk.yaml is changed. Exit code 3 if a node cannot be reached; the others
    are up then.
    """
    from dsk.cli.errors import finish
    from dsk.cli.report import Printer
    from dsk.fleet.up import up

    cluster = context.cluster_with_engines()
    with Printer() as report:
        errors = up(cluster, report, trust=_accept if accept_new_host_keys else _ask, force=force)
    finish(errors)
    echo(f"{len(cluster.nodes)} of {len(cluster.nodes)} nodes are up")


def _accept(node: Node, key: HostKey) -> bool:
    echo(f"{node}: new host key {key.fingerprint}, accepted")
    return True


def _ask(node: Node, key: HostKey) -> bool:
    if not sys.stdin.isatty():
        return False
    echo(f"{node}: the host key of {node.server} is {key.fingerprint}")
    return click.confirm("is that the server's own?", default=False)

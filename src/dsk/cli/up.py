"""`dsk up`: a worker on every node."""

from __future__ import annotations

import click

from dsk.cli.context import Context, pass_context
from dsk.cli.printing import echo
from dsk.cli.trust import trust, trust_option
from dsk.text import Text


@click.command()
@trust_option
@click.option(
    "--force",
    is_flag=True,
    help="Restart every worker, also one that runs a job: that ends the job.",
)
@pass_context
def command(context: Context, *, accept_new_host_keys: bool, force: bool) -> None:
    """Bring every node up: image, keys and a worker that one can log in to.

    Only what differs from dsk.yaml is changed. Exit code 3 if a node cannot be reached; the others
    are up then.
    """
    from dsk.cli.errors import finish
    from dsk.cli.steps import Printer
    from dsk.fleet.up import up

    cluster = context.cluster_with_engines()
    who = trust(accept_new_host_keys=accept_new_host_keys)
    with Printer() as tell:
        errors = up(cluster, tell, trust=who, force=force)
    finish(errors)
    count = len(cluster.nodes)
    echo(Text("{count} of {count} nodes are up").filled(count=count))

"""`dsk down`: the nodes as they were before `dsk up`."""

from __future__ import annotations

import click

from dsk.cli.context import Context, pass_context


@click.command()
@click.option("--force", is_flag=True, help="Also while a job runs, which ends it.")
@pass_context
def command(context: Context, *, force: bool) -> None:
    """Take away what `dsk up` made on the nodes. The workspace and the image stay."""
    from dsk.cli.errors import finish
    from dsk.cli.report import Printer
    from dsk.fleet.down import down

    with Printer() as report:
        errors = down(context.cluster(), report, force=force)
    finish(errors)

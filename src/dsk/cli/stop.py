"""`dsk stop`: end a job on all nodes."""

from __future__ import annotations

import click

from dsk.cli.context import Context, pass_context


@click.command()
@click.argument("job", required=False)
@pass_context
def command(context: Context, job: str | None) -> None:
    """End JOB, or the one that runs, on all nodes."""
    from dsk.jobs.master import JOB, find_master
    from dsk.jobs.stop import stop

    with context.master_engine() as engine:
        master = find_master(engine, context.cluster(), job)
        stop(master)
        click.echo(f"job {master.labels[JOB]} has ended on all nodes")

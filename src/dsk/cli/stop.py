"""`dsk stop`: end a job on all nodes."""

from __future__ import annotations

import click

from dsk.cli.context import Context, in_place_option, pass_context


@click.command()
@click.argument("job", required=False)
@in_place_option
@pass_context
def command(context: Context, job: str | None) -> None:
    """End JOB, or the one that runs, on all nodes."""
    from dsk.jobs.place import find

    with context.place() as place:
        supervisor = find(place, job)
        supervisor.stop()
        click.echo(f"job {supervisor.job} has ended on all nodes")

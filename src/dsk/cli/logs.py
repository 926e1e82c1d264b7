"""`dsk logs`: what a job printed."""

from __future__ import annotations

import click

from dsk.cli.context import Context, in_place_option, pass_context


@click.command()
@click.argument("job", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on until the job ends.")
@in_place_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line (docs/events.md).")
@pass_context
def command(context: Context, job: str | None, *, follow: bool, as_json: bool) -> None:
    """Show the output and events of JOB, or of the newest one."""
    from dsk.cli.events import show
    from dsk.jobs import history

    with context.place() as place:
        status = history.find(history.statuses(place), job)
        for event in history.replay(place, status.job, follow=follow):
            show(event, as_json=as_json)

"""`dsk status`: the workers and the jobs."""

from __future__ import annotations

import sys

import click

from dsk.cli.context import Context, in_place_option, pass_context
from dsk.cli.printing import echo, echo_json

SHOWN_JOBS = 5


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object (docs/events.md).")
@click.option("--all", "all_jobs", is_flag=True, help=f"Every job, not only the last {SHOWN_JOBS}.")
@in_place_option
@pass_context
def command(context: Context, *, as_json: bool, all_jobs: bool) -> None:
    """Show the worker on every node, and the jobs. Exit code 3 if a node cannot be reached."""
    from dsk.cli.overview import text
    from dsk.errors import Unreachable
    from dsk.jobs.overview import overview

    found = overview(context.cluster())
    if as_json:
        echo_json(found.to_json())
    else:
        echo(text(found, len(found.jobs) if all_jobs else SHOWN_JOBS))
    if found.unreachable:
        sys.exit(Unreachable.exit_code)

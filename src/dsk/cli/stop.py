"""`dsk stop`: end a job on all nodes."""

from __future__ import annotations

import time

import click

from dsk.cli.context import Context, in_place_option, pass_context
from dsk.cli.printing import echo
from dsk.text import Text, joined


@click.command()
@click.argument("job", required=False)
@in_place_option
@pass_context
def command(context: Context, job: str | None) -> None:
    """End JOB, or the one that runs, on all nodes. Exit code 1 where something is left."""
    from dsk.errors import JobFailed
    from dsk.jobs import history
    from dsk.jobs.runtime import STOP_LIMIT_S, find
    from dsk.jobs.wanted import Since

    with context.runtime() as runtime:
        supervisor = find(runtime, job)
        asked = time.monotonic()
        supervisor.stop()
        # It may have been ending already, for as long at most.
        ago = time.monotonic() - asked + STOP_LIMIT_S
        if left := history.left_over(runtime, supervisor.job, Since(ago=ago)):
            raise JobFailed(
                Text("job {job} has ended, but not on all nodes:\n{left}").filled(
                    job=supervisor.job, left=joined(left, "\n")
                ),
                fix=Text(
                    "an unreachable node stops its ranks by itself within 30 s; a process that "
                    "does not exit is waiting for a disk or a GPU: see dsk exec -- ps -ef"
                ),
            )
        echo(Text("job {job} has ended on all nodes").filled(job=supervisor.job))

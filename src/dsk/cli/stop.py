"""`dsk stop`: end a job on all nodes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from dsk.cli.context import Context, in_place_option, pass_context
from dsk.cli.printing import echo
from dsk.text import Text, joined

if TYPE_CHECKING:
    from dsk.jobs.runtime import Runtime, Supervisor
    from dsk.wire.events import Finished

ENDED = Text("job {job} has ended on all nodes")
ENDINGS = {
    "succeeded": Text("job {job} completed its training, and has ended on all nodes"),
    "failed": Text("job {job} failed before a checkpoint was complete; see dsk diagnose {job}"),
}
WITHOUT = Text("job {job} has ended on all nodes, without a checkpoint on request")
SAVED = Text("job {job} has saved a checkpoint at step {step}, and has ended on all nodes")


@click.command()
@click.argument("job", required=False)
@click.option(
    "--save",
    is_flag=True,
    help="First save a checkpoint, at a step that all ranks reach. Ctrl-C ends the job without it.",
)
@click.option(
    "--within",
    metavar="TIME",
    help="With --save: end the job without a checkpoint if none is complete after TIME, such as "
    "10m. Without it there is no limit.",
)
@in_place_option
@pass_context
def command(context: Context, job: str | None, *, save: bool, within: str | None) -> None:
    """End JOB, or the one that runs, on all nodes. Exit code 1 where something is left."""
    from dsk.cluster.durations import parse_option
    from dsk.errors import JobFailed, UserError
    from dsk.jobs.runtime import find

    if within and not save:
        raise UserError(Text("--within TIME needs --save"))
    limit = parse_option("--within", within) if within else None
    with context.runtime() as runtime:
        supervisor = find(runtime, job)
        asked = time.monotonic()
        finished = _with_a_save(runtime, supervisor, limit) if save else None
        if finished is None:
            supervisor.stop()
        _check_nothing_is_left(runtime, supervisor.job, time.monotonic() - asked)
        text = _ending(finished, save=save)
        step = finished.saved_step if finished else None
        text = text.filled(job=supervisor.job, step=step)
        if finished and finished.state == "failed":
            raise JobFailed(text)
        echo(text)


def _with_a_save(runtime: Runtime, supervisor: Supervisor, within: float | None) -> Finished | None:
    """None where the job is still to be stopped."""
    from dsk.jobs.saving import check_can_save, save_and_end

    job = supervisor.job
    if not check_can_save(runtime, job):
        echo(Text("job {job} has not begun to train, so there is nothing to save").filled(job=job))
        return None
    try:
        finished = save_and_end(runtime, supervisor, within, echo)
    except KeyboardInterrupt:
        echo(Text("job {job} is being stopped without a checkpoint").filled(job=job), err=True)
        return None
    if finished is None:
        text = Text("no checkpoint was complete in time; job {job} is being stopped without it")
        echo(text.filled(job=job), err=True)
    return finished


def _ending(finished: Finished | None, *, save: bool) -> Text:
    if finished is None:
        return WITHOUT if save else ENDED
    if finished.saved_step is not None:
        return SAVED
    return ENDINGS.get(finished.state, WITHOUT)


def _check_nothing_is_left(runtime: Runtime, job: str, ago: float) -> None:
    """Of a job that was asked to end `ago` seconds ago. Raises JobFailed."""
    from dsk.errors import JobFailed
    from dsk.jobs import history
    from dsk.jobs.runtime import STOP_LIMIT_S
    from dsk.jobs.wanted import Since

    # It may have been ending already, for as long at most.
    if left := history.left_over(runtime, job, Since(ago=ago + STOP_LIMIT_S)):
        raise JobFailed(
            Text("job {job} has ended, but not on all nodes:\n{left}").filled(
                job=job, left=joined(left, "\n")
            ),
            fix=Text(
                "an unreachable node stops its ranks by itself within 30 s; a process that "
                "does not exit is waiting for a disk or a GPU: see dsk exec -- ps -ef"
            ),
        )

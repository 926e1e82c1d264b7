"""`dsk launch`: one job, in the foreground unless told otherwise."""

from __future__ import annotations

import json
import queue
import sys
import threading
from typing import TYPE_CHECKING

import click

from dsk.cli.context import Context, in_place_option, pass_context

if TYPE_CHECKING:
    from dsk.jobs.evidence import Recent
    from dsk.jobs.place import Supervisor
    from dsk.jobs.planning import Plan
    from dsk.wire.events import Event

DETACHED = "the job goes on; follow it with: dsk logs -f {job}   end it with: dsk stop {job}"


@click.command()
@click.argument("train_file", metavar="TRAIN.YAML")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--dry-run", is_flag=True, help="Show what would happen; contact nothing.")
@click.option("--detach", is_flag=True, help="Start the job and return.")
@click.option(
    "--include", metavar="HOSTS", help="Use only these, in DeepSpeed's syntax: h1@h2:0,2."
)
@click.option("--exclude", metavar="HOSTS", help="Use all but these, in DeepSpeed's syntax.")
@in_place_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line (docs/events.md).")
@pass_context
def command(
    context: Context,
    train_file: str,
    overrides: tuple[str, ...],
    *,
    dry_run: bool,
    detach: bool,
    include: str | None,
    exclude: str | None,
    as_json: bool,
) -> None:
    """Train TRAIN.YAML, LLaMA-Factory's own file, on all nodes. KEY=VALUE overrides its keys."""
    from dsk.cli import dryrun
    from dsk.jobs.launch import start
    from dsk.jobs.planning import Request, plan
    from dsk.jobs.stacks import stack_for
    from dsk.recipe import load_train_file

    request = Request(context.cluster(), load_train_file(train_file), overrides, include, exclude)
    stack, note = stack_for(request.cluster.image)
    if dry_run:
        if note:
            click.echo(f"note: {note}", err=True)
        planned = plan(request, stack.keys)
        shown = dryrun.as_json(planned, stack, note) if as_json else dryrun.as_text(planned, stack)
        click.echo(shown)
        return
    if not note:
        # A mistake in the file is told before anything is contacted.
        plan(request, stack.keys)
    with context.place() as place:
        planned, supervisor = start(place, request)
        _announce(planned, as_json=as_json)
        if detach:
            job = planned.spec.job
            click.echo(json.dumps({"job": job}) if as_json else DETACHED.format(job=job))
            return
        sys.exit(follow(supervisor, as_json=as_json))


def _explain(recent: Recent, job: str) -> None:
    """Why the job failed, as far as what was shown tells."""
    from dsk.cli.diagnosis import short
    from dsk.cli.language import preferred

    click.echo(short(recent.diagnosis(), job, preferred()))


def _announce(planned: Plan, *, as_json: bool) -> None:
    from dsk.recipe.describe import summary

    if as_json:
        return
    click.echo(f"job {planned.spec.job}: {summary(planned.recipe)}")
    for notice in planned.recipe.notices:
        click.echo(f"note: {notice}")


def follow(supervisor: Supervisor, *, as_json: bool) -> int:
    """Shows the job until it ends; returns its exit code. Ctrl-C asks what to do with it."""
    from dsk.errors import JobFailed
    from dsk.jobs.evidence import Recent

    heard: queue.Queue[Event | Exception | None] = queue.Queue()
    recent = Recent()

    def read() -> None:
        try:
            for event in supervisor.events():
                heard.put(event)
            heard.put(None)
        except Exception as error:
            heard.put(error)

    threading.Thread(target=read, daemon=True).start()
    stopping = False
    while True:
        try:
            code = _show_all(heard, recent, as_json=as_json)
        except KeyboardInterrupt:
            if not stopping and _wants_to_detach():
                click.echo(DETACHED.format(job=supervisor.job))
                return 0
            stopping = True
            supervisor.request_stop()
            continue
        if code == JobFailed.exit_code and not as_json:
            _explain(recent, supervisor.job)
        return supervisor.exit_code() if code is None else code


def _show_all(
    heard: queue.Queue[Event | Exception | None], recent: Recent, *, as_json: bool
) -> int | None:
    """Until the stream ends: the exit code that the last event names, None if none did."""
    from dsk.cli.events import show
    from dsk.wire.events import Finished

    code = None
    while (event := heard.get()) is not None:
        if isinstance(event, Exception):
            raise event
        show(event, as_json=as_json)
        recent.add(event)
        if isinstance(event, Finished):
            code = event.exit_code
    return code


def _wants_to_detach() -> bool:
    """Asks on a terminal; without one, or at a second Ctrl-C, the job is to stop."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    try:
        answer = click.prompt(
            "\nstop the job, or detach and let it go on?",
            type=click.Choice(["stop", "detach"]),
            default="stop",
            err=True,
        )
    except (KeyboardInterrupt, click.Abort):
        return False
    return bool(answer == "detach")

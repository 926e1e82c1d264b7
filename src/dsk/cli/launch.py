"""`dsk launch`: one job, in the foreground unless told otherwise."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from queue import Empty
from typing import TYPE_CHECKING, Any

import click

from dsk.cli.context import Context, in_place_option, pass_context
from dsk.cli.language import preferred
from dsk.cli.nodes import job_nodes_options
from dsk.cli.printing import ReaderGone, echo, echo_json, in_words
from dsk.cluster.model import SAVES, Save
from dsk.errors import UserError
from dsk.text import Text
from dsk.wire.jobspec import LAUNCHERS, LauncherName

if TYPE_CHECKING:
    from dsk.cli.listen import Shows
    from dsk.cluster.model import Cluster
    from dsk.errors import JobFailed
    from dsk.jobs.evidence import Recent
    from dsk.jobs.planning import Plan
    from dsk.jobs.runtime import Runtime, Supervisor
    from dsk.wire.jobspec import JobSpec

DETACHED = Text(
    "the job continues; follow it with: dsk logs -f {job}   stop it with: dsk stop {job}"
)
READER_GONE = Text("dsk: nobody reads this output any more; {detached}")
_OF_ITS_OWN = Text(
    "--resume takes recipe and nodes of that job: write no train.yaml, --node, --exclude, --save, "
    "--tune or --dry-run with it"
)
_CONTINUES = Text("job {job}: continues job {before}; output in {folder}")
QUESTION = Text("stop the job, or detach and let it continue?")
CHOICES = Text("s = stop, d = detach")
ANSWERS = {
    "stop": ("s", "stop", "停", "停止"),
    "detach": ("d", "detach", "后台", "转到后台", "分离"),
}


def _needs_a_file(ctx: click.Context, argument: click.Parameter, value: str | None) -> str | None:
    if value is None and not ctx.params.get("continues"):
        raise click.MissingParameter(ctx=ctx, param=argument)
    return value


@click.command()
@click.argument("train_file", metavar="TRAIN.YAML", required=False, callback=_needs_a_file)
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--dry-run", is_flag=True, help="Show what would happen; contact nothing.")
@click.option("--detach", is_flag=True, help="Start the job and return.")
@job_nodes_options
@click.option(
    "--launcher",
    type=click.Choice(LAUNCHERS),
    help="Who starts the ranks: dsk's agents (direct, the default), or DeepSpeed's own runner with "
    "pdsh.",
)
@click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="PHASE=TIME",
    help="End the job when no rank makes progress for so long: training=120, saving=1h, "
    "evaluating=off.",
)
@click.option(
    "--time-limit",
    metavar="TIME",
    help="Stop the job after TIME, such as 7h50m, and save a checkpoint shortly before; off: no "
    "limit, whatever dsk.yaml says.",
)
@click.option(
    "--save",
    type=click.Choice(SAVES),
    help="When checkpoints are saved: as train.yaml says, or by what saves cost. Default: `save` "
    "in dsk.yaml.",
)
@click.option(
    "--max-restarts",
    metavar="auto|N",
    help="Start a job that failed again, from its newest complete checkpoint: N times at most, or "
    "as often as it makes progress in between. As max_restarts in dsk.yaml.",
)
@click.option(
    "--resume",
    "continues",
    metavar="JOB",
    is_eager=True,
    help="Continue the training of JOB, which has ended, with its recipe and nodes.",
)
@click.option("--cold", is_flag=True, help="Start ranks as new programs, not from warm processes.")
@click.option(
    "--tune",
    is_flag=True,
    help="Find the fastest settings first, as dsk tune, and train with them.",
)
@click.option("--no-check", is_flag=True, help="Do not look at the servers first.")
@in_place_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line (docs/events.md).")
@pass_context
def command(
    context: Context,
    train_file: str | None,
    overrides: tuple[str, ...],
    *,
    dry_run: bool,
    detach: bool,
    named: tuple[str, ...],
    exclude: str | None,
    launcher: LauncherName | None,
    limits: tuple[str, ...],
    time_limit: str | None,
    save: Save | None,
    max_restarts: str | None,
    continues: str | None,
    cold: bool,
    tune: bool,
    no_check: bool,
    as_json: bool,
) -> None:
    """Train TRAIN.YAML, LLaMA-Factory's own file, on all nodes. KEY=VALUE overrides its keys."""
    from dsk.cli.preflight import looking_at_servers
    from dsk.cluster.notify import notify_of
    from dsk.jobs.launch import prepare
    from dsk.jobs.limits import parse_limits
    from dsk.jobs.planning import Request, plan
    from dsk.jobs.stacks import stack_for
    from dsk.recipe import load_train_file

    if tune and dry_run:
        raise UserError(
            Text("--dry-run contacts nothing, and --tune measures on the nodes"),
            fix=Text("dsk tune shows the settings and starts no training"),
        )
    cluster = _changed(context.cluster(), time_limit, save, max_restarts, cold=cold)
    shows = _Shows(detach=detach, as_json=as_json)
    if continues is not None:
        if train_file or dry_run or named or exclude or save or tune:
            raise click.UsageError(in_words(_OF_ITS_OWN))
        changes = _of_the_job(cluster, launcher, limits, max_restarts, time_limit)
        _continue(context, cluster, continues, changes, shows)
        return
    assert train_file is not None  # noqa: S101 - the argument's callback has looked
    request = Request(
        cluster,
        load_train_file(train_file),
        overrides,
        "@".join(named) or None,
        exclude,
        launcher or LAUNCHERS[0],
        parse_limits(limits),
        cluster.max_restarts,
        notify_of(cluster, os.environ, preferred()),
    )
    stack, note = stack_for(request.cluster.image)
    if dry_run:
        _show_plan(plan(request, stack.keys), note, as_json=as_json)
        return
    if not note:
        # A mistake in the file is told before anything is contacted.
        plan(request, stack.keys)
    looking = nullcontext(_no_word) if no_check else looking_at_servers(request)
    with looking as tell_of_servers, context.runtime() as runtime:
        try:
            planned = prepare(runtime, request)
        finally:
            # Its word counts more than what failed for the same reason: it says how to fix it.
            tell_of_servers()
        if tune:
            from dsk.cli.tune import fastest

            planned = prepare(runtime, fastest(runtime, request))
        _start(runtime, planned.spec, _announced(planned), shows)


def _show_plan(planned: Plan, note: Text | None, *, as_json: bool) -> None:
    from dsk.cli import dryrun

    if note:
        echo(Text("note: {note}").filled(note=note), err=True)
    if as_json:
        echo_json(dryrun.as_json(planned, note))
    else:
        echo(dryrun.as_text(planned))


@dataclass(frozen=True)
class _Shows:
    """How the user wants to see the job."""

    detach: bool
    as_json: bool


def _start(runtime: Runtime, spec: JobSpec, announced: Sequence[Text], how: _Shows) -> None:
    """Start the job and show it; exits with its code unless it is detached."""
    from dsk.cli.listen import JsonLines
    from dsk.cli.screen import Screen

    supervisor = runtime.start(spec)
    with _telling_that_it_goes_on(spec.job):
        for line in () if how.as_json else announced:
            echo(line)
        if how.detach and _passes_its_checks(supervisor):
            if how.as_json:
                echo_json({"job": spec.job}, indent=None)
            else:
                echo(DETACHED.filled(job=spec.job))
            return
    # Also one that was to be detached and is not to be: its end is shown as any other's.
    shown = JsonLines() if how.as_json else Screen(spec.world_size, len(runtime.cluster.nodes))
    sys.exit(follow(supervisor, shown, explain=not how.as_json))


def _continue(
    context: Context,
    cluster: Cluster,
    job: str,
    changes: Mapping[str, Any],
    how: _Shows,
) -> None:
    """Start a job that continues `job`, with `changes` of its specification."""
    from dsk.cluster.notify import notify_of
    from dsk.jobs.resumption import resumption

    notify = notify_of(cluster, os.environ, preferred())
    with context.runtime() as runtime:
        spec = replace(resumption(runtime, cluster, job, notify), **changes)
        text = _CONTINUES.filled(job=spec.job, before=job, folder=spec.output_dir)
        _start(runtime, spec, [text], how)


def _of_the_job(
    cluster: Cluster,
    launcher: LauncherName | None,
    limits: Sequence[str],
    max_restarts: str | None,
    time_limit: str | None,
) -> dict[str, Any]:
    """The options that change the specification of a job that is continued. Raises UserError."""
    from dsk.jobs.limits import parse_limits

    changes: dict[str, Any] = {}
    if launcher:
        changes["launcher"] = launcher
    if limits:
        changes["limits"] = parse_limits(limits)
    if max_restarts:
        changes["max_restarts"] = cluster.max_restarts
    if time_limit:
        changes["time_limit"] = cluster.time_limit
    return changes


def _changed(
    cluster: Cluster,
    time_limit: str | None,
    save: Save | None,
    max_restarts: str | None,
    *,
    cold: bool,
) -> Cluster:
    """The options of this launch in the place of what dsk.yaml says. Raises UserError."""
    from dsk.cluster.durations import parse_option
    from dsk.jobs.limits import OFF, parse_restarts

    if time_limit:
        until = None if time_limit == OFF else parse_option("--time-limit", time_limit)
        cluster = replace(cluster, time_limit=until)
    if save:
        cluster = replace(cluster, save=save)
    if max_restarts is not None:
        cluster = replace(cluster, max_restarts=parse_restarts(max_restarts))
    if cold:
        cluster = replace(cluster, warm="false")
    return cluster


def _no_word() -> None:
    """Of servers that were not looked at."""


def _explain(recent: Recent, job: str) -> None:
    """Why the job failed, as far as what was shown tells."""
    from dsk.cli.diagnosis import short

    echo(short(recent.diagnosis(), job, preferred()))


def _passes_its_checks(supervisor: Supervisor) -> bool:
    """Whether the job goes on once its workers are connected, found fit and locked: `dsk status`
    knows it from then on. Whoever does not want to wait, or not any longer, takes it for so."""
    from dsk.connect.listening import listen
    from dsk.jobs.history import STARTS_WITHIN_S
    from dsk.wire.events import Accepted, Finished

    heard = listen(supervisor.events())
    deadline = time.monotonic() + STARTS_WITHIN_S
    event = None
    while not isinstance(event, Accepted):
        try:
            event = heard.get(timeout=max(0.0, deadline - time.monotonic()))
        except (Empty, KeyboardInterrupt):
            echo(Text("note: its workers are still being checked"), err=True)
            return True
        if isinstance(event, Exception):
            raise event
        if event is None or isinstance(event, Finished):
            return False
    return True


def _announced(planned: Plan) -> list[Text]:
    from dsk.recipe.describe import summary

    text = Text("job {job}: {summary}")
    return [
        text.filled(job=planned.spec.job, summary=summary(planned.recipe)),
        *(Text("note: {note}").filled(note=notice) for notice in planned.recipe.notices),
    ]


def follow(supervisor: Supervisor, shows: Shows, *, explain: bool) -> int:
    """Shows the job until it ends, and if it fails, with `explain`, why; returns its exit code.
    Ctrl-C asks what to do with it. Raises JobFailed where it exits without reporting a result."""
    from dsk.cli.listen import show_all
    from dsk.connect.listening import listen
    from dsk.errors import JobFailed
    from dsk.jobs.evidence import Recent
    from dsk.wire.events import Notice

    recent = Recent()
    heard = listen(recent.watch(supervisor.events()))
    stopping = False
    while True:
        try:
            with _telling_that_it_goes_on(supervisor.job, lambda: not recent.finished):
                finished = show_all(heard, shows)
        except KeyboardInterrupt:
            if not stopping and _wants_to_detach():
                detached = DETACHED.filled(job=supervisor.job)
                shows.show(Notice(time.time(), "detached", detached))
                shows.close()
                return 0
            stopping = True
            supervisor.request_stop()
            continue
        if finished is None:
            raise _no_result(supervisor)
        code = finished.exit_code
        if explain and code == JobFailed.exit_code:
            _explain(recent, supervisor.job)
        return code


@contextmanager
def _telling_that_it_goes_on(
    job: str, goes_on: Callable[[], bool] = lambda: True
) -> Iterator[None]:
    """Where standard output is closed inside (`dsk launch … | head`), standard error gets how to
    follow and stop the job, which goes on as after --detach."""
    try:
        yield
    except ReaderGone:
        if goes_on():
            echo(READER_GONE.filled(detached=DETACHED.filled(job=job)), err=True)
        raise


def _no_result(supervisor: Supervisor) -> JobFailed:
    """Of a supervisor that refused before it had a job, or was killed."""
    from dsk.errors import JobFailed
    from dsk.wire.jobspec import ProtocolMismatch

    code = supervisor.exit_code()
    if code == ProtocolMismatch.exit_code:
        return JobFailed(
            Text("the workers' image belongs to another version of dsk, as the line above says"),
            fix=Text("make image (or pull the new image), then: dsk image sync && dsk up"),
        )
    return JobFailed(
        Text(
            "job {job}: its supervisor exited (code {code}) without reporting a result; "
            "it, or its container, was probably killed"
        ).filled(job=supervisor.job, code=code),
        fix=Text("the workers end the ranks by themselves within 30 s; then: dsk status"),
    )


def _wants_to_detach() -> bool:
    """Asks on a terminal; without one, or at a second Ctrl-C, the job is to stop."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    from dsk.cli.question import ask

    language = preferred()
    question, choices = QUESTION.in_language(language), CHOICES.in_language(language)
    try:
        return ask(f"\n{question}", choices, ANSWERS, default="stop") == "detach"
    except KeyboardInterrupt:
        return False

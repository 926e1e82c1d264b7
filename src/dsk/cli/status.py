"""`dsk status`: the workers and the jobs."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import click

from dsk.cli.context import Context, in_place_option, pass_context

if TYPE_CHECKING:
    from dsk.jobs.overview import Overview
    from dsk.jobs.states import JobState, WorkerState

SHOWN_JOBS = 5


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object (docs/events.md).")
@click.option("--all", "all_jobs", is_flag=True, help=f"Every job, not only the last {SHOWN_JOBS}.")
@in_place_option
@pass_context
def command(context: Context, *, as_json: bool, all_jobs: bool) -> None:
    """Show the worker on every node, and the jobs. Exit code 3 if a node cannot be reached."""
    from dsk.errors import Unreachable
    from dsk.jobs.overview import overview

    found = overview(context.cluster())
    if as_json:
        click.echo(json.dumps(found.to_json(), ensure_ascii=False, indent=1))
    else:
        click.echo(_text(found, len(found.jobs) if all_jobs else SHOWN_JOBS))
    if found.unreachable:
        sys.exit(Unreachable.exit_code)


def _text(found: Overview, jobs: int) -> str:
    lines = [_worker(worker) for worker in found.workers]
    lines += [_job(job) for job in found.jobs[-jobs:]] if found.jobs and jobs else ["no jobs yet"]
    return "\n".join(lines)


def _worker(worker: WorkerState) -> str:
    node = worker.node
    state = f"{worker.state}, {worker.health}" if worker.health else worker.state
    line = f"{node.name}  {node.host}  slots {node.slots}  worker {state}"
    return f"{line}\n  {worker.problem}" if worker.problem else line


def _job(job: JobState) -> str:
    status = job.status
    parts = [f"job {status.job}", job.state]
    if status.step is not None:
        parts.append(f"step {status.step}/{status.steps}")
    if status.loss is not None:
        parts.append(f"loss {status.loss:.4f}")
    parts.append(f"{status.updated - status.started:.0f} s")
    parts.append(time.strftime("started %Y-%m-%d %H:%M:%S", time.localtime(status.started)))
    line = "  ".join(parts)
    return f"{line}\n  {status.cause}" if status.cause else line

"""`dsk diagnose`: why a job failed, and what to do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dsk.cli.context import Context, in_place_option, pass_context
from dsk.cli.language import language_option
from dsk.cli.printing import echo, echo_json
from dsk.errors import JobFailed, UserError
from dsk.text import Text

if TYPE_CHECKING:
    from dsk.diagnose import Diagnosis
    from dsk.text import Language
    from dsk.wire.status import JobStatus

STDIN = "-"


@click.command()
@click.argument("subject", metavar="[JOB | LOGFILE | TRAIN.YAML]", required=False)
@click.option(
    "--bisect",
    is_flag=True,
    help="Find the nodes or pairs at fault by short jobs: collectives, or a step of a train.yaml.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object (docs/diagnose.md).")
@language_option
@in_place_option
@pass_context
def command(
    context: Context, subject: str | None, *, bisect: bool, as_json: bool, language: Language
) -> None:
    """Tell why JOB failed, by default the newest that did, or why LOGFILE's run did.

    LOGFILE is what any run printed, also one that dsk did not start; - reads standard input. Of a
    job that was stopped, it tells when. Exit code 1 where the cause is not known.
    """
    if bisect:
        from dsk.cli import bisection

        sys.exit(bisection.run(context, subject, language, as_json=as_json))
    if subject is not None and _is_file(subject):
        _show(_of_file(subject), {"job": None, "file": subject}, language, as_json=as_json)
        return
    from dsk.cli.errors import show
    from dsk.jobs import evidence, history
    from dsk.jobs.states import STOPPED

    with context.runtime() as runtime:
        state = evidence.failed_job(history.states(runtime), subject)
        job = state.status.job
        if state.state == STOPPED:
            _show_stopped(state.status, language, as_json=as_json)
            return
        diagnosis, errors = evidence.diagnose(runtime, job)
    for error in errors:
        show(error)
    if not as_json:
        echo(Text("job {job}").filled(job=job))
    _show(diagnosis, {"job": job, "file": None}, language, as_json=as_json)


def _is_file(subject: str) -> bool:
    """Jobs' names have no slash and no dot."""
    return subject == STDIN or "/" in subject or "." in subject or Path(subject).is_file()


def _of_file(name: str) -> Diagnosis:
    from dsk.diagnose import Judge, load

    judge = Judge(load())
    if name == STDIN:
        return judge.read(sys.stdin.buffer)
    try:
        with Path(name).open("rb") as file:
            return judge.read(file)
    except OSError as error:
        raise UserError(
            Text("cannot be read: {why}").filled(why=error.strerror),
            where=name,
            fix=Text("name a log file, or a job"),
        ) from None


def _show_stopped(status: JobStatus, language: Language, *, as_json: bool) -> None:
    """Nothing in the log of such a job tells why it ended: its ranks were killed."""
    from dsk.cli.diagnosis import stopped
    from dsk.diagnose import Diagnosis

    cause = stopped(status, language)
    if as_json:
        known = {"found": True, "id": "stopped", "cause": cause}
        echo_json({"job": status.job, "file": None, **Diagnosis(None).to_json(language), **known})
    else:
        echo(Text("job {job}").filled(job=status.job))
        echo(cause)


def _show(
    diagnosis: Diagnosis, subject: dict[str, str | None], language: Language, *, as_json: bool
) -> None:
    if as_json:
        found = {**subject, **diagnosis.to_json(language)}
        echo_json(found)
    else:
        from dsk.cli.diagnosis import full

        echo(full(diagnosis, language))
    if not diagnosis.found:
        sys.exit(JobFailed.exit_code)

"""`dsk report`: a job as one page, or as figures for other programs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dsk.cli.context import Context, in_place_option, pass_context
from dsk.cli.language import language_option
from dsk.cli.outputfile import write_output
from dsk.cli.printing import echo, echo_json_text
from dsk.errors import UserError
from dsk.text import Text

if TYPE_CHECKING:
    from dsk.report.content import Content
    from dsk.report.record import JobRecord
    from dsk.text import Language

EXCLUSIVE = ("live", "csv", "json")


@click.command()
@click.argument("job", metavar="[JOB | FOLDER]", required=False)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where to write it; by default report-JOB.html here, CSV and JSON to standard output.",
)
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@click.option(
    "--compare", "other", metavar="JOB", help="Another job, or its folder: curves and recipes."
)
@click.option(
    "--live", is_flag=True, help="Serve the page on this machine, updating, until Ctrl-C."
)
@click.option("--port", type=click.IntRange(1, 65535), help="For --live; by default a free one.")
@click.option("--csv", "as_csv", is_flag=True, help="The figures as CSV (docs/report.md).")
@click.option("--json", "as_json", is_flag=True, help="All figures as one JSON object.")
@language_option
@in_place_option
@pass_context
def command(
    context: Context,
    job: str | None,
    *,
    output: Path | None,
    force: bool,
    other: str | None,
    live: bool,
    port: int | None,
    as_csv: bool,
    as_json: bool,
    language: Language,
) -> None:
    """Write what is known of JOB, by default the newest one, as one HTML page.

    The page shows where the time went, loss, throughput, the figures of every node, events, recipe
    and versions. It loads nothing from a network. FOLDER is a copy of a job's folder.
    """
    _check(live=live, as_csv=as_csv, as_json=as_json, output=output, port=port)
    with _source(context, job, other) as look:
        if live:
            from dsk.cli.live import serve

            serve(look, language, port)
            return
        content = look()
    if as_json:
        _figures(_json(content), output, force=force, as_json=True)
    elif as_csv:
        from dsk.report.export import as_csv as csv_of

        _figures(csv_of(content), output, force=force, as_json=False)
    else:
        from dsk.report.page import page

        path = output or Path(f"report-{content.record.job}.html")
        _write(path, page(content, language, made=time.time()), force=force)
        echo(Text("wrote {file}").filled(file=path))


def _check(
    *, live: bool, as_csv: bool, as_json: bool, output: Path | None, port: int | None
) -> None:
    given = [f"--{name}" for name, on in zip(EXCLUSIVE, (live, as_csv, as_json), strict=True) if on]
    if len(given) > 1:
        raise click.UsageError(f"{given[0]} and {given[1]} exclude each other")
    if live and output:
        raise click.UsageError("--live serves the page and writes no file: leave out --output")
    if port and not live:
        raise click.UsageError("--port is for --live")


Look = Callable[[], "Content"]


@contextmanager
def _source(context: Context, job: str | None, other: str | None) -> Iterator[Look]:
    """What gives the content as it is when it is asked. The cluster is only asked for what is no
    folder here."""
    from dsk.report.content import content

    names = [job] if other is None else [job, other]
    folders = {name: Path(name) for name in names if name is not None and _is_folder(name)}
    if all(name in folders for name in names):
        yield lambda: content(*(_of_folder(folders[name]) for name in names if name is not None))
        return
    with context.runtime() as runtime:
        from dsk.jobs import history, jobfiles
        from dsk.jobs.states import JobState
        from dsk.report.record import FILES, read_record

        def of_job(states: list[JobState], name: str | None) -> JobRecord:
            status = history.find([each.status for each in states], name)
            [state] = [each for each in states if each.status.job == status.job]
            files = jobfiles.read(runtime, status.job, FILES)
            return read_record(status.job, files, state=state.state, age=state.age)

        # The newest job stays the one that is shown when another begins.
        first = history.find(history.statuses(runtime), job).job if job not in folders else job

        def look() -> Content:
            states = history.states(runtime)
            return content(
                *(
                    _of_folder(folders[name]) if name in folders else of_job(states, name)
                    for name in (first, *names[1:])
                    if name is not None
                )
            )

        yield look


def _is_folder(name: str) -> bool:
    """Jobs' names have no slash."""
    return "/" in name or Path(name).is_dir()


def _of_folder(folder: Path) -> JobRecord:
    from dsk.jobs import jobfiles
    from dsk.report.record import FILES, read_record

    return read_record(folder.resolve().name, jobfiles.read_copy(folder, FILES))


def _json(content: Content) -> str:
    from dsk.report.export import as_json
    from dsk.wire.strictjson import dumps

    return dumps(as_json(content), compact=True) + "\n"


def _figures(text: str, output: Path | None, *, force: bool, as_json: bool) -> None:
    if output is None:
        (echo_json_text if as_json else echo)(text.rstrip("\n"))
        return
    _write(output, text, force=force)
    echo(Text("wrote {file}").filled(file=output), err=True)


def _write(path: Path, text: str, *, force: bool) -> None:
    """Raises UserError."""
    if path.exists() and not force:
        raise UserError(
            Text("exists already"),
            where=str(path),
            fix=Text("--force overwrites it, -o FILE names another"),
        )
    data = text.encode(errors="backslashreplace")
    write_output(path, data, fix=Text("-o FILE names another"))

"""`dsk metrics`: what `dsk status` knows, for Prometheus."""

from __future__ import annotations

import time
from importlib.resources import files
from pathlib import Path

import click

from dsk import __version__
from dsk.cli.context import Context, in_place_option, pass_context
from dsk.cli.outputfile import write_output
from dsk.cli.printing import echo

DASHBOARD = "grafana/dashboard.json"


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Replace FILE in one step, such as /var/lib/node_exporter/dsk.prom.",
)
@click.option("--dashboard", is_flag=True, help="Print the Grafana dashboard for these metrics.")
@in_place_option
@pass_context
def command(context: Context, *, output: Path | None, dashboard: bool) -> None:
    """Print the nodes, workers and jobs as metrics in Prometheus' text format.

    For node_exporter's textfile collector, with -o (docs/guide/metrics.md). A node that cannot be
    reached is a metric, not an error.
    """
    if dashboard:
        text = files("dsk.assets").joinpath(DASHBOARD).read_text(encoding="utf-8").rstrip("\n")
    else:
        text = _metrics(context)
    if output is None:
        echo(text)
        return
    write_output(output, f"{text}\n".encode())


def _metrics(context: Context) -> str:
    from dsk.jobs.metrics import exposition
    from dsk.jobs.overview import overview

    cluster = context.cluster()
    found = overview(cluster)
    return exposition(found, cluster.name, version=__version__, now=time.time()).rstrip("\n")

"""`dsk logs`: what a job printed."""

from __future__ import annotations

from datetime import datetime

import click

from dsk.cli.context import Context, in_place_option, pass_context
from dsk.cli.nodes import node_option


@click.command()
@click.argument("job", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on until the job ends.")
@click.option("--rank", "ranks", metavar="RANKS", help="Only these ranks' lines: 0,3-5.")
@node_option("Only lines from there: 1, node1 or its address; repeatable.")
@click.option(
    "--since", "since_text", metavar="TIME", help="Only what came since: 10m ago, or 14:30."
)
@in_place_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line (docs/events.md).")
@pass_context
def command(
    context: Context,
    job: str | None,
    *,
    follow: bool,
    ranks: str | None,
    named: tuple[str, ...],
    since_text: str | None,
    as_json: bool,
) -> None:
    """Show the output and events of JOB, or of the newest one.

    Equal lines of several ranks are shown as one. Ctrl-C ends this command alone, never the job.
    """
    from dsk.cli.listen import JsonLines, show_all
    from dsk.cli.screen import Screen
    from dsk.connect.listening import listen
    from dsk.jobs import history
    from dsk.jobs.wanted import since, wanted

    begin = since(since_text, datetime.now().astimezone()) if since_text else None
    with context.runtime() as runtime:
        status = history.find_or_await(runtime, job)
        chosen = wanted(runtime.cluster, status, ranks, named)
        events = history.replay(runtime, status.job, follow=follow, since=begin)
        shown = None if chosen.ranks is None else len(chosen.ranks)
        nodes = len(runtime.cluster.nodes)
        screen = JsonLines() if as_json else Screen(status.world_size, nodes, shown=shown)
        finished = show_all(listen(filter(chosen, events)), screen)
        if follow and finished is None:
            raise history.gone(status.job)

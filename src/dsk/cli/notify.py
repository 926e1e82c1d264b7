"""`dsk notify`: where messages about jobs are sent, and whether they arrive."""

from __future__ import annotations

import os
import sys

import click

from dsk.cli.context import Context, in_place_option, pass_context
from dsk.cli.language import preferred
from dsk.cli.printing import echo, echo_json
from dsk.errors import JobFailed, UserError
from dsk.text import Text, verbatim

NONE = Text("there are no targets under notify")
NONE_FIX = Text("docs/guide/notifications.md shows how to write them")


@click.command()
@click.argument("names", nargs=-1, metavar="[TARGET]...")
@click.option("--test", is_flag=True, help="Send each of them a message, from the master.")
@in_place_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object (docs/events.md).")
@pass_context
def command(context: Context, names: tuple[str, ...], *, test: bool, as_json: bool) -> None:
    """Show where messages about jobs are sent, and with --test whether they arrive.

    The targets are those under notify in dsk.yaml. A test is sent from where jobs' supervisors run.
    Exit code 1 if a message did not arrive, 3 if the master cannot be reached.
    """
    from dsk.cluster.notify import notify_of
    from dsk.jobs.notify import send_test

    cluster = context.cluster()
    if not cluster.notify:
        raise UserError(NONE, where=cluster.file.name, fix=NONE_FIX)
    known = {target.name: target for target in cluster.notify}
    for name in names:
        if name not in known:
            raise UserError(
                Text("there is no target {name} under notify").filled(name=name),
                where=cluster.file.name,
                fix=Text("use one of {names}").filled(names=", ".join(known)),
            )
    targets = notify_of(cluster, os.environ, preferred()).targets
    chosen = [target for target in targets if not names or target.name in names]
    problems: dict[str, Text | None] = {}
    if test:
        outcomes = send_test(cluster, chosen, preferred())
        problems = {outcome.target: outcome.problem for outcome in outcomes}
    if as_json:
        echo_json(
            {
                "targets": [
                    {
                        "name": target.name,
                        "kind": target.kind,
                        "events": list(target.events),
                        "delivered": problems[target.name] is None if test else None,
                        "problem": problem.in_language("en")
                        if (problem := problems.get(target.name))
                        else None,
                    }
                    for target in chosen
                ]
            }
        )
    else:
        for target in chosen:
            about = verbatim(", ".join(target.events))
            if test:
                about = problems[target.name] or Text("delivered")
            text = Text("{name}  {kind}  {about}")
            echo(text.filled(name=target.name, kind=target.kind, about=about))
    if any(problems.values()):
        sys.exit(JobFailed.exit_code)

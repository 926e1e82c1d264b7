"""`dsk image verify`: what is really in the image."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from dsk.cli.context import Context, pass_context
from dsk.cli.nodes import node_option
from dsk.cli.printing import echo, echo_json
from dsk.text import Text, joined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dsk.image.verify import Verdict
    from dsk.wire.imagefacts import ImageFacts

SHOWN = 20
"""Findings of one node on a terminal: another build differs in hundreds of files."""


@click.command()
@node_option("Only there: 1, node1 or its address; repeatable.", "--host")
@click.option("--here", is_flag=True, help="The image in this machine's engine instead.")
@click.option("--image", "reference", metavar="REFERENCE", help="With --here: another image.")
@click.option("--deep", is_flag=True, help="Read every file of every Python package: minutes.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object (docs/events.md).")
@pass_context
def command(
    context: Context,
    *,
    named: tuple[str, ...],
    here: bool,
    reference: str | None,
    deep: bool,
    as_json: bool,
) -> None:
    """Compare what is in the image with the lock, on every node.

    Each version with the stack's lock, the files with those of the image's build, the nodes with
    each other; DeepSpeed's prebuilt ops and the patched read_args are tried. No worker needs to be
    up. Exit code 1 if anything differs, 3 if a node cannot be reached.
    """
    from dsk.cli.errors import exit_code, show
    from dsk.cluster.selection import find_nodes
    from dsk.errors import JobFailed
    from dsk.image.verify import verify_here, verify_nodes

    if here and named:
        raise click.UsageError("--here and --node exclude each other")
    if reference and not here:
        raise click.UsageError("--image needs --here; the nodes' image is named in dsk.yaml")
    if not as_json:
        echo(Text("running the image to inspect it; this takes half a minute or more"), err=True)
    if here:
        verdicts = [verify_here(reference or context.image(), deep=deep)]
    else:
        cluster = context.cluster_with_engines()
        nodes = find_nodes(cluster, named)
        verdicts = verify_nodes(cluster, nodes, deep=deep)
    good = all(not verdict.error and not verdict.findings for verdict in verdicts)
    if as_json:
        report = {"equal": good, "places": [verdict.to_json() for verdict in verdicts]}
        echo_json(report)
    else:
        echo(describe(verdicts))
    errors = [verdict.error for verdict in verdicts if verdict.error]
    for error in errors:
        show(error)
    if not good:
        differ = [JobFailed(Text("differs")) for verdict in verdicts if verdict.findings]
        sys.exit(exit_code([*errors, *differ]))


def describe(verdicts: Sequence[Verdict]) -> Text:
    return joined((line for verdict in verdicts for line in _lines(verdict)), "\n")


def _lines(verdict: Verdict) -> list[Text]:
    place = verdict.place
    facts = verdict.facts
    if facts is None:
        return [Text("{place}: not seen").filled(place=place)]
    if not verdict.findings:
        return [_as_locked(place, facts)]
    found = len(verdict.findings)
    title = Text("{place}: found in the image of stack {stack}: {count}")
    lines = [title.filled(place=place, stack=facts.stack, count=found)]
    lines += [
        Text("  {finding}").filled(finding=finding.text) for finding in verdict.findings[:SHOWN]
    ]
    if found > SHOWN:
        lines.append(Text("  … and {count} more: --json has all").filled(count=found - SHOWN))
    return lines


def _as_locked(place: str | Text, facts: ImageFacts) -> Text:
    proofs = Text(", {names} proved").filled(names=", ".join(facts.proofs))
    return Text(
        "{place}: as locked: stack {stack}, {python} Python and {debian} Debian packages{proofs}; "
        "{content_id}"
    ).filled(
        place=place,
        stack=facts.stack,
        python=len(facts.python),
        debian=len(facts.debian),
        proofs=proofs if facts.proofs else "",
        content_id=facts.content_id,
    )

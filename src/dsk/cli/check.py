"""`dsk check`: what would make a job fail, before it does."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from dsk.cli.context import Context, in_place_option, pass_context
from dsk.cli.language import language_option
from dsk.cli.printing import echo_json

if TYPE_CHECKING:
    from dsk.text import Language


@click.command()
@click.argument("train_file", metavar="[TRAIN.YAML]", required=False)
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--only", multiple=True, metavar="NAME", help="This check alone; may be repeated.")
@click.option("--deep", is_flag=True, help="Compare every byte of large files too.")
@click.option("--smoke", is_flag=True, help="One step of the training on each node alone, too.")
@click.option("--fix", is_flag=True, help="Fix what is safe to fix, and check again.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object (docs/checks.md).")
@language_option
@in_place_option
@pass_context
def command(
    context: Context,
    train_file: str | None,
    overrides: tuple[str, ...],
    *,
    only: tuple[str, ...],
    deep: bool,
    smoke: bool,
    fix: bool,
    as_json: bool,
    language: Language,
) -> None:
    """Find what would make a job fail, on all nodes, and say how to fix it.

    Exit code 1 if something failed, 3 if a node cannot be reached.
    """
    from dsk.checks.registry import chosen, judge_all
    from dsk.cli import findings
    from dsk.errors import JobFailed, Unreachable
    from dsk.jobs.planning import Request
    from dsk.preflight.fix import apply_fixes
    from dsk.preflight.measure import Measuring, unreachable
    from dsk.recipe import load_train_file

    checks = [*chosen(only), *(chosen(["smoke"]) if smoke and "smoke" not in only else ())]
    cluster = context.cluster()
    request = Request(cluster, load_train_file(train_file), overrides) if train_file else None
    if request is None and not only:
        checks = [check for check in checks if "job" not in check.needs]
    needs = {need for check in checks for need in check.needs}
    begun = time.monotonic()
    facts = Measuring(cluster, request, deep=deep).run(needs)
    done = apply_fixes(cluster, facts) if fix else ()
    if done:
        facts = Measuring(cluster, request, deep=deep).run(needs)
    found = judge_all(facts, checks)
    if as_json:
        seconds = time.monotonic() - begun
        said = findings.to_json(cluster, found, done, language, seconds)
        echo_json(said)
    else:
        findings.show(cluster, found, done, language)
    if unreachable(facts):
        sys.exit(Unreachable.exit_code)
    if any(finding.state == "failed" for finding in found):
        sys.exit(JobFailed.exit_code)

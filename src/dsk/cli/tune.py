"""`dsk tune`: the settings with which a training is fastest on this cluster."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dsk.cli.context import Context, in_place_option, pass_context
from dsk.cli.language import preferred
from dsk.cli.nodes import job_nodes_options
from dsk.cli.outputfile import write_output
from dsk.cli.printing import echo, echo_json
from dsk.errors import INTERRUPTED, UserError
from dsk.text import Text

if TYPE_CHECKING:
    from dsk.jobs.planning import Request
    from dsk.jobs.runtime import Runtime
    from dsk.recipe import TrainFile
    from dsk.tune.outcome import Outcome

_SHARE = re.compile(r"(\d+(?:\.\d+)?)%")
STOPPED = Text("interrupted: this is the best so far")
BUDGET_OVER = Text(
    "the budget is over before the search was: this is the best so far; a longer search: "
    "--budget 15m"
)
WRITTEN = Text("written: {path}")
BUDGET = "5m"
HEADROOM = "8%"
UNCHANGED = Text("the file's own settings are the fastest: nothing was written")


def fastest(runtime: Runtime, request: Request) -> Request:
    """Return the request with the settings that `dsk tune` finds with its defaults; what is
    measured is shown on standard error. Raises DskError."""
    from dsk.cli import tuned
    from dsk.cluster.durations import seconds
    from dsk.trials.space import Wish
    from dsk.trials.tuning import Tuning, tune
    from dsk.tune import overrides

    tuning = Tuning.with_headroom(share_of(HEADROOM))
    budget_s = seconds(BUDGET)
    tune(tuning, runtime, request, Wish(), budget_s=budget_s, again=False, tell=tuned.tell)
    found = tuning.outcome()
    if found is None:
        raise tuning.nothing_fits()
    for text in tuned.summary(found):
        echo(text, err=True)
    return replace(request, overrides=(*request.overrides, *overrides.words(found.changes)))


def _seconds(_ctx: click.Context, _option: click.Parameter, text: str) -> float:
    from dsk.cluster.durations import parse_option

    return parse_option("--budget", text)


def _share(_ctx: click.Context, _option: click.Parameter, text: str) -> float:
    return share_of(text)


def share_of(text: str) -> float:
    """Of `8%`. Raises UserError."""
    found = _SHARE.fullmatch(text)
    if not found or float(found[1]) >= 100:
        raise UserError(
            Text("'{text}' is not a share of the memory").filled(text=text),
            where="--headroom",
            fix=Text("write it in percent, as in --headroom 8%"),
        )
    return float(found[1]) / 100


@click.command()
@click.argument("train_file", metavar="TRAIN.YAML")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--keep-global-batch/--any-global-batch",
    "keep",
    default=True,
    show_default=True,
    help="Whether each optimizer step sees as many samples as before.",
)
@click.option("--presets", metavar="NAMES", help="Try these alone: none,z2,z3_offload.")
@click.option("--allow-packing", is_flag=True, help="Try packing too, which changes the steps.")
@click.option(
    "--budget",
    metavar="TIME",
    default=BUDGET,
    show_default=True,
    callback=_seconds,
    help="End the search after that time: 90s, 5m, 1h.",
)
@click.option(
    "--headroom",
    metavar="SHARE",
    default=HEADROOM,
    show_default=True,
    callback=_share,
    help="Memory that a setting must leave free.",
)
@click.option("--apply", is_flag=True, help="Write the settings to TRAIN.tuned.yaml.")
@click.option("--again", is_flag=True, help="Measure again what earlier searches measured.")
@job_nodes_options
@in_place_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object (docs/tune.md).")
@pass_context
def command(
    context: Context,
    train_file: str,
    overrides: tuple[str, ...],
    *,
    keep: bool,
    presets: str | None,
    allow_packing: bool,
    budget: float,
    headroom: float,
    apply: bool,
    again: bool,
    named: tuple[str, ...],
    exclude: str | None,
    as_json: bool,
) -> None:
    """Find the settings with which TRAIN.YAML trains fastest, by a few steps with each."""
    from dsk.cli import tuned
    from dsk.jobs.planning import Request, plan
    from dsk.jobs.stacks import stack_for
    from dsk.recipe import load_train_file
    from dsk.trials.space import Wish, check_tunable, presets_of
    from dsk.trials.tuning import Tuning, tune

    cluster = context.cluster()
    file = load_train_file(train_file)
    request = Request(cluster, file, overrides, "@".join(named) or None, exclude)
    target = tuned.target(Path(train_file), overrides) if apply else None
    stack, note = stack_for(cluster.image)
    if not note:
        # A mistake in the file is reported before anything is contacted.
        check_tunable(plan(request, stack.keys).recipe.values)
    wish = Wish(keep, presets_of(presets), allow_packing)
    tuning = Tuning.with_headroom(headroom)
    interrupted = False
    with context.runtime() as runtime:
        try:
            tune(tuning, runtime, request, wish, budget_s=budget, again=again, tell=tuned.tell)
        except KeyboardInterrupt:
            interrupted = True
    found = tuning.outcome()
    if found is None:
        if interrupted:
            raise KeyboardInterrupt
        raise tuning.nothing_fits()
    written = _apply(found, file, overrides, target)
    if as_json:
        raw = found.to_raw(preferred())
        echo_json({**raw, "interrupted": interrupted, "written": str(written or "") or None})
    else:
        _show(found, train_file, written, interrupted=interrupted, applied=target is not None)
    if interrupted:
        sys.exit(INTERRUPTED)


def _apply(
    found: Outcome, file: TrainFile, overrides: Sequence[str], target: Path | None
) -> Path | None:
    """Where the file was written; None where it was not to be, or nothing changes."""
    from dsk.tune import yamledit

    if target is None or not found.changes:
        return None
    changes = [
        *yamledit.of_overrides(overrides),
        *yamledit.edits(found.changes, found.values),
    ]
    text = yamledit.edit(file.text, changes, file.name)
    if target.suffix != ".json":
        text = yamledit.HEADER.format(name=file.path.name) + text
    write_output(target, text.encode())
    return target


def _show(
    found: Outcome, name: str, written: Path | None, *, interrupted: bool, applied: bool
) -> None:
    from dsk.cli import tuned

    for line in tuned.table(found):
        echo(line)
    echo()
    for line in tuned.plot(found):
        echo(line)
    echo()
    if interrupted:
        echo(STOPPED)
    elif not found.complete:
        echo(BUDGET_OVER)
    for text in tuned.summary(found):
        echo(text)
    if written:
        echo(WRITTEN.filled(path=written))
    elif applied:
        echo(UNCHANGED)
    elif found.changes:
        echo(tuned.how_to_use(found, name))

"""What `dsk diagnose --bisect` shows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from dsk.cli import findings
from dsk.cli.context import Context
from dsk.cli.printing import echo, echo_json
from dsk.errors import JobFailed
from dsk.jobs.planning import Request
from dsk.recipe import load_train_file
from dsk.text import Text
from dsk.trials.locate import locate
from dsk.trials.trial import Trials, collectives, one_step

if TYPE_CHECKING:
    from dsk.checks.facts import Trial
    from dsk.text import Language

WORKS = Text("works")
FAILS = Text("fails: {cause}")


def run(context: Context, train_file: str | None, language: Language, *, as_json: bool) -> int:
    """The exit code: 1 where a node or a pair is at fault. Raises DskError."""
    cluster = context.cluster()
    request = Request(cluster, load_train_file(train_file), ()) if train_file else None
    begun = time.monotonic()
    with context.runtime() as runtime:
        make = one_step(request, runtime) if request else collectives(cluster)
        with Trials.open(runtime, make) as trials:
            found = locate(cluster, trials, lambda trial: _tell(trial, language))
    if as_json:
        said = findings.to_json(cluster, found, (), language, time.monotonic() - begun)
        echo_json(said)
    else:
        findings.show(cluster, found, (), language)
    return JobFailed.exit_code if any(each.state == "failed" for each in found) else 0


def _tell(trial: Trial, language: Language) -> None:
    names = ", ".join(f"node{index}" for index in trial.nodes)
    how = WORKS if trial.works else FAILS.filled(cause=trial.cause)
    echo(f"{names}: {how.in_language(language)} ({trial.seconds:.1f} s)", err=True)

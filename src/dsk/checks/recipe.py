"""train.yaml resolves to a recipe."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts
from dsk.checks.model import Check, Finding
from dsk.text import Text


def judge(facts: Facts) -> Iterator[Finding]:
    job = facts.job
    if job is None:
        return
    if job.problem is None:
        yield Finding("recipe", "ok", Text("resolves"))
        return
    where = f"{job.where}: " if job.where else ""
    text = Text("{where}{problem}").filled(where=where, problem=job.problem)
    yield Finding("recipe", "failed", text, seen=job.where, fix=job.fix)


CHECK = Check("recipe", judge, ("job",), "infiniband", each=False)

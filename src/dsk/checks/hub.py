"""The master reaches the hub, and may read what the job takes from there."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts
from dsk.checks.model import Check, Finding
from dsk.checks.sizes import gib
from dsk.text import Text

NAME = "hub"


def judge(facts: Facts) -> Iterator[Finding]:
    job = facts.job
    if job is None or job.problem:
        return
    if not job.hub:
        yield Finding(NAME, "skipped", Text("nothing comes from a hub"))
        return
    node = facts.cluster.master.index
    for repo, answer in job.hub.items():
        if answer.problem:
            yield Finding(NAME, "failed", answer.problem, node, seen=repo, fix=answer.fix)
        elif answer.note:
            text = Text("{repo} is in the workspace; {note}").filled(repo=repo, note=answer.note)
            yield Finding(NAME, "ok", text, node)
        else:
            text = Text("{repo} can be read; {size} to download").filled(
                repo=repo, size=gib(answer.bytes)
            )
            yield Finding(NAME, "ok", text, node)


CHECK = Check(NAME, judge, ("job",), "recipe", each=False)

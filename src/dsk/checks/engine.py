"""The Docker engine of every server."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts
from dsk.checks.model import Check, Finding
from dsk.checks.sizes import version
from dsk.text import Text

OLDEST = "20.10"
"""The lab's; older ones know no `docker compose` that reads the bundle's compose.yaml."""


def judge(facts: Facts) -> Iterator[Finding]:
    for node, server in facts.servers.items():
        engine = server.engine
        if problem := engine.problem:
            fix, kind = problem.remedy, type(problem)
            yield Finding("engine", "failed", problem.told, node, fix=fix, error=kind)
        elif version(engine.version) < version(OLDEST):
            text = Text("Docker {here} is older than {oldest}")
            text = text.filled(here=engine.version, oldest=OLDEST)
            yield Finding("engine", "warning", text, node, seen=engine.version, expected=OLDEST)
        else:
            text = Text("Docker {here}").filled(here=engine.version)
            yield Finding("engine", "ok", text, node, seen=engine.version)


CHECK = Check(
    "engine", judge, ("server",), "server",
    facts=("engine",), asked_by=("init", "launch", "up"), in_place=False,
)  # fmt: skip

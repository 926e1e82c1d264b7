"""The Docker engine of every server."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts
from dsk.checks.model import Finding
from dsk.checks.sizes import version
from dsk.text import Text

OLDEST = "20.10"
"""The lab's; older ones know no `docker compose` that reads the bundle's compose.yaml."""


def judge(facts: Facts) -> Iterator[Finding]:
    for node, server in facts.servers.items():
        if facts.cluster.in_place:
            why = Text("the server is itself a container")
            yield Finding("engine", "skipped", why, node)
        elif server.engine_problem:
            yield Finding("engine", "failed", server.engine_problem, node, fix=_FIX)
        elif version(server.engine) < version(OLDEST):
            text = Text("Docker {here} is older than {oldest}")
            text = text.filled(here=server.engine, oldest=OLDEST)
            yield Finding("engine", "warning", text, node, seen=server.engine, expected=OLDEST)
        else:
            text = Text("Docker {here}").filled(here=server.engine)
            yield Finding("engine", "ok", text, node, seen=server.engine)


_FIX = Text("there: sudo systemctl start docker")

"""Every server answers."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts
from dsk.checks.model import Check, Finding
from dsk.text import Text


def judge(facts: Facts) -> Iterator[Finding]:
    for node, server in facts.servers.items():
        text = Text("answers within {ms:.0f} ms")
        yield Finding("server", "ok", text.filled(ms=server.clock.uncertainty * 2000), node)
    for node, error in facts.unreachable.items():
        yield Finding("server", "failed", error.told, node, seen=error.message, fix=error.remedy)


CHECK = Check("server", judge, ("server",), "")

"""Free main memory."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts
from dsk.checks.model import Finding
from dsk.checks.sizes import GIB, gib
from dsk.text import Text

A_RANK = 2 * GIB
"""What a rank holds before it has read a model: Python, torch, its CUDA context."""


def judge(facts: Facts) -> Iterator[Finding]:
    for node in facts.cluster.nodes:
        server = facts.servers.get(node.index)
        if server is None:
            continue
        needed = node.slots * A_RANK
        values = {"free": gib(server.memory_free), "total": gib(server.memory)}
        seen, expected = gib(server.memory_free), gib(needed)
        if server.memory_free >= needed:
            text = Text("{free} of {total} are available")
            yield Finding("ram", "ok", text.filled(**values), node.index, None, seen, expected)
            continue
        text = Text(
            "only {free} of {total} are available; {slots} ranks take {needed} before any model"
        ).filled(**values, slots=node.slots, needed=expected)
        fix = Text("there: ps -eo pid,rss,args --sort=-rss | head")
        yield Finding("ram", "warning", text, node.index, None, seen, expected, fix)

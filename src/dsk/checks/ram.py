"""Free main memory."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts
from dsk.checks.model import Check, Finding, each_server
from dsk.checks.sizes import GIB, gib
from dsk.cluster.model import Node
from dsk.survey.server import ServerFacts
from dsk.text import Text

A_RANK = 2 * GIB
"""What a rank holds before it has read a model: Python, torch, its CUDA context."""
OK = Text("{free} of {total} are available")
LITTLE = Text("only {free} of {total} are available; {slots} ranks take {needed} before any model")
FIX = Text("there: ps -eo pid,rss,args --sort=-rss | head")


def _judge(_: Facts, node: Node, server: ServerFacts) -> Iterator[Finding]:
    free, total, needed = map(gib, (server.memory_free, server.memory, node.slots * A_RANK))
    enough = server.memory_free >= node.slots * A_RANK
    state, text, fix = ("ok", OK, None) if enough else ("warning", LITTLE, FIX)
    found = Finding("ram", state, text, node.index, None, free, needed, fix)  # type: ignore[arg-type]
    yield found.filled(free=free, total=total, slots=node.slots, needed=needed)


CHECK = Check(
    "ram", each_server("ram", _judge), ("server",), "disk",
    facts=("memory", "memory_free"), asked_by=("launch",),
)  # fmt: skip

"""Free disk in the workspace and in the engine's folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dsk.checks.facts import Facts
from dsk.checks.model import Check, Finding, each_server
from dsk.checks.sizes import GIB, gib
from dsk.cluster.model import Node
from dsk.survey.server import ServerFacts
from dsk.survey.values import Disk
from dsk.text import Text
from dsk.wire.figures import LOW_DISK_BYTES

FULL_BYTES = GIB // 4
"""Too little for a job's logs."""
OK = Text("{free} free at {path}")
LITTLE = Text("only {free} of {total} are free at {path}")
FIX = Text("there: du -xh -d1 {path} | sort -h")
FIX_ENGINE = Text("there: docker system df")


def _judge(_: Facts, node: Node, server: ServerFacts) -> Iterator[Finding]:
    own, engines = server.workspace_disk, server.engine_disk
    if own:
        full = own.free < FULL_BYTES
        yield _finding(node, own, Finding("disk", "failed" if full else "warning", LITTLE, fix=FIX))
    if engines and engines != own:
        yield _finding(node, engines, Finding("disk", "warning", LITTLE, fix=FIX_ENGINE))


def _finding(node: Node, disk: Disk, little: Finding) -> Finding:
    found = Finding("disk", "ok", OK) if disk.free >= LOW_DISK_BYTES else little
    seen, expected = gib(disk.free), gib(LOW_DISK_BYTES)
    found = replace(found, node=node.index, seen=seen, expected=expected)
    return found.filled(path=disk.path, free=seen, total=gib(disk.total))


CHECK = Check(
    "disk", each_server("disk", _judge), ("server",), "user",
    facts=("workspace_disk",), more=("engine_disk",), asked_by=("launch",),
)  # fmt: skip

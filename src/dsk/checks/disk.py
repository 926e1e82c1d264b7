"""Free disk in the workspace and in the engine's folder."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Disk, Facts
from dsk.checks.model import Finding
from dsk.checks.sizes import GIB, gib
from dsk.text import Text

FULL_BYTES = GIB // 4
"""Too little for a job's logs."""
LOW_BYTES = 10 * GIB
"""Less than one checkpoint of a small model, or one more image."""


def judge(facts: Facts) -> Iterator[Finding]:
    for node, server in facts.servers.items():
        for use, disk in server.disks.items():
            yield _finding(node, disk, workspace=use == "workspace")


def _finding(node: int, disk: Disk, *, workspace: bool) -> Finding:
    values = {"path": disk.path, "free": gib(disk.free), "total": gib(disk.total)}
    seen, expected = gib(disk.free), gib(LOW_BYTES)
    if disk.free >= LOW_BYTES:
        text = Text("{free} free at {path}").filled(**values)
        return Finding("disk", "ok", text, node, None, seen, expected)
    full = disk.free < FULL_BYTES
    text = Text("only {free} of {total} are free at {path}").filled(**values)
    fix = (
        Text("there: du -xh -d1 {path} | sort -h") if workspace else Text("there: docker system df")
    ).filled(**values)
    state = "failed" if full and workspace else "warning"
    return Finding("disk", state, text, node, None, seen, expected, fix)  # type: ignore[arg-type]

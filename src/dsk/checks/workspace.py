"""The workspace of every node: the same path, writable, one disk for all or one each."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from dsk.checks.facts import Facts, Workspace
from dsk.checks.model import Check, Finding
from dsk.survey.server import ServerFacts
from dsk.text import Text
from dsk.wire.agreement import ALL_OR_NONE, HALF_SHARED, UNWRITABLE
from dsk.wire.remedies import Remedy

DENIED = os.strerror(errno.EACCES).lower()
"""As dsk.agent.examine says it."""
_UP = Remedy(
    engine=Text("dsk up, which makes the folder and restarts the worker"),
    in_place=Text("make the folder there, then start that container's worker again"),
)


def judge(facts: Facts) -> Iterator[Finding]:
    disks = _disks(facts)
    up = _UP.of(in_place=facts.cluster.in_place)
    for node, worker in facts.workers.items():
        server, problem = facts.servers.get(node), worker.workspace.problem
        if server and not server.workspace:
            found = Finding("workspace", "failed", GONE, node, fix=up)
        elif server and _moved(server, worker.workspace):
            found = Finding("workspace", "failed", MOVED, node, fix=up)
        elif problem:
            text = UNWRITABLE.filled(path=facts.cluster.workspace, why=problem)
            found = Finding("workspace", "failed", text, node, fix=_fix(facts, node))
        else:
            found = Finding("workspace", "ok", _kind(node, worker.workspace, disks), node)
        folder = facts.cluster.workspace_source(facts.cluster.nodes[node])
        yield replace(found, text=found.text.filled(folder=folder))
    yield from _half_shared(disks)


GONE = Text("the folder {folder} is gone from the server: its worker still sees the old one")
MOVED = Text(
    "the worker writes into another folder than the server's {folder}, which was replaced or "
    "mounted over since it started"
)


def _moved(server: ServerFacts, workspace: Workspace) -> bool:
    both_known = bool(server.place and workspace.place)
    return both_known and server.place != workspace.place


def _disks(facts: Facts) -> list[frozenset[int]]:
    """The nodes by the disk that they see. One that cannot write leaves no mark for the others, and
    yet is on the disk of those whose marks it sees."""
    disks: list[frozenset[int]] = []
    for node, worker in facts.workers.items():
        if worker.workspace.shared_with is not None:
            one = worker.workspace.shared_with | {node}
            same = [disk for disk in disks if disk & one]
            disks = [disk for disk in disks if disk not in same]
            disks.append(one.union(*same))
    return disks


def _kind(node: int, workspace: Workspace, disks: Iterable[frozenset[int]]) -> Text:
    shared = any(node in disk and len(disk) > 1 for disk in disks)
    if workspace.shared_with is None:
        text = Text("writable ({kind})")
    elif shared:
        text = Text("writable, shared ({kind})")
    else:
        text = Text("writable, its own disk ({kind})")
    return text.filled(kind=workspace.kind or "?")


def _half_shared(disks: Sequence[frozenset[int]]) -> Iterator[Finding]:
    """A job has one recipe: either all nodes see one disk or none does."""
    if len(disks) > 1 and any(len(disk) > 1 for disk in disks):
        groups = sorted(sorted(disk) for disk in disks)
        names = " | ".join(", ".join(f"node{n}" for n in group) for group in groups)
        text = HALF_SHARED.filled(groups=names)
        yield Finding("workspace", "failed", text, seen=names, fix=ALL_OR_NONE)


def _fix(facts: Facts, node: int) -> Text:
    user, path = facts.cluster.user, str(facts.cluster.workspace)
    if user and facts.workers[node].workspace.problem == DENIED:
        return Text(
            "the workers run as {user} (user in dsk.yaml); there, as root: chown {user} {path} && "
            "chown -R {user} {path}/.dsk"
        ).filled(user=str(user), path=path)
    return Text("there: df -h {path}; findmnt -T {path}   (full, or mounted read-only?)").filled(
        path=path
    )


CHECK = Check("workspace", judge, ("worker", "server"), "results", facts=("workspace", "place"))

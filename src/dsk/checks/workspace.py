"""The workspace of every node: the same path, writable, one disk for all or one each."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Sequence

from dsk.checks.facts import Facts, ServerFacts, Workspace
from dsk.checks.model import Finding
from dsk.text import Text

DENIED = os.strerror(errno.EACCES).lower()
"""As dsk.agent.examine says it."""
_UP = Text("dsk up, which makes the folder and restarts the worker")


def judge(facts: Facts) -> Iterator[Finding]:
    path = str(facts.cluster.workspace)
    disks = _disks(facts)
    for node, worker in facts.workers.items():
        server = facts.servers.get(node)
        if server and not server.workspace:
            text = Text(
                "the folder {path} is gone from the server: its worker still sees the old one"
            ).filled(path=facts.cluster.workspace_source(facts.cluster.nodes[node]))
            yield Finding("workspace", "failed", text, node, fix=_UP)
        elif server and _moved(server, worker.workspace):
            text = Text(
                "the worker writes into another folder than the server's {path}, which was "
                "replaced or mounted over since it started"
            ).filled(path=facts.cluster.workspace_source(facts.cluster.nodes[node]))
            yield Finding("workspace", "failed", text, node, fix=_UP)
        elif worker.workspace.problem:
            text = Text("{path} cannot be written: {why}").filled(
                path=path, why=worker.workspace.problem
            )
            yield Finding("workspace", "failed", text, node, fix=_fix(facts, node))
        else:
            yield Finding("workspace", "ok", _kind(node, worker.workspace, disks), node)
    yield from _half_shared(disks)


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
        text = Text("the workspace is one disk for some nodes only: {groups}").filled(groups=names)
        fix = Text("share it with all nodes or with none")
        yield Finding("workspace", "failed", text, seen=names, fix=fix)


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

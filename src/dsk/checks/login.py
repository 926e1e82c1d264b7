"""The master logs in to every worker and to its own, as a job does."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts, Login
from dsk.checks.model import Finding
from dsk.cluster.model import Node
from dsk.text import Text

# What OpenSSH's client says, as in connect.ssherrors; the first that fits counts.
_CAUSES: tuple[tuple[tuple[str, ...], Text, Text], ...] = (
    (
        ("IDENTIFICATION HAS CHANGED",),
        Text("its host key is not the one that the master knows"),
        Text(
            "if the worker was recreated by hand: dsk check --fix (which takes the bundle's keys)"
        ),
    ),
    (
        ("host key is known", "Host key verification failed"),
        Text("the master does not know its host key"),
        Text("dsk check --fix, or: dsk up"),
    ),
    (
        ("Permission denied",),
        Text("it refuses the cluster's key"),
        Text(
            "dsk check --only modes; where the modes are right, its worker has another cluster's "
            "key, on that server: docker restart {worker}"
        ),
    ),
    (
        ("Connection refused",),
        Text("nothing listens at its port {port}"),
        Text("dsk up"),
    ),
    (
        ("timed out", "did not end", "No route to host", "Network is unreachable"),
        Text("the master does not reach its port {port}: {said}"),
        Text("open the port in its firewall for the nodes: TCP {port}; dsk check --only reach"),
    ),
)
_OTHER = (
    Text("the login failed: {said}"),
    Text("try: dsk exec --node 0 -- ssh {host} true"),
)


def judge(facts: Facts) -> Iterator[Finding]:
    for node in facts.cluster.nodes:
        if node.index in facts.logins:
            yield _finding(facts, node, facts.logins[node.index])


def _finding(facts: Facts, node: Node, login: Login) -> Finding:
    if login.code == 0:
        text = Text("the master logs in")
        return Finding("login", "ok", text, node.index)
    text, fix = next(
        ((text, fix) for words, text, fix in _CAUSES if any(word in login.said for word in words)),
        _OTHER,
    )
    values = {
        "port": facts.cluster.worker_port,
        "host": node.host,
        "said": (login.said.splitlines() or ["?"])[-1],
        "worker": f"dsk-{facts.cluster.name}-{node.name}",
    }
    filled, remedy = text.filled(**values), fix.filled(**values)
    return Finding("login", "failed", filled, node.index, seen=login.said, fix=remedy)

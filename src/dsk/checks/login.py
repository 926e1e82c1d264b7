"""The master logs in to every worker and to its own, as a job does."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts, Login
from dsk.checks.model import Check, Finding
from dsk.cluster.model import Node
from dsk.text import Text
from dsk.wire.remedies import CONNECTION, HOST_KEY, LOGIN, UP, Remedy

_FIREWALL = Text("open the port in its firewall for the nodes: TCP {port}; dsk check --only reach")
_TRY = Text("try: dsk exec --node 0 -- ssh {host} true")
# What OpenSSH's client says, as in connect.ssherrors; the first that fits counts.
_CAUSES: tuple[tuple[tuple[str, ...], Text, Remedy], ...] = (
    (
        ("IDENTIFICATION HAS CHANGED",),
        Text("its host key is not the one that the master knows"),
        Remedy(
            engine=Text(
                "if the worker was recreated by hand: dsk check --fix (which takes the bundle's "
                "keys)"
            ),
            in_place=HOST_KEY.in_place,
        ),
    ),
    (
        ("host key is known", "Host key verification failed"),
        Text("the master does not know its host key"),
        Remedy(
            engine=Text("dsk check --fix, or: dsk up"),
            in_place=HOST_KEY.in_place,
        ),
    ),
    (
        ("Permission denied",),
        Text("it refuses the cluster's key"),
        Remedy(
            engine=Text(
                "dsk check --only modes; where the modes are right, its worker has another "
                "cluster's key, on that server: docker restart {worker}"
            ),
            in_place=LOGIN.in_place,
        ),
    ),
    (
        ("Connection refused",),
        Text("nothing listens at its port {port}"),
        Remedy(engine=UP.engine, in_place=CONNECTION.in_place),
    ),
    (
        ("timed out", "did not end", "No route to host", "Network is unreachable"),
        Text("the master does not reach its port {port}: {said}"),
        Remedy(engine=_FIREWALL, in_place=_FIREWALL),
    ),
)
_OTHER = (
    Text("the login failed: {said}"),
    Remedy(engine=_TRY, in_place=_TRY),
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
    remedy = fix.of(in_place=facts.cluster.in_place)
    return Finding("login", "failed", text, node.index, seen=login.said, fix=remedy).filled(
        port=facts.cluster.worker_port,
        host=node.host,
        said=(login.said.splitlines() or ["?"])[-1],
        worker=f"dsk-{facts.cluster.name}-{node.name}",
    )


CHECK = Check("login", judge, ("login",), "modes")

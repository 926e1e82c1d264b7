"""The port that a worker's sshd is to listen on."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts, Listener
from dsk.checks.model import Finding
from dsk.checks.worker import RUNNING
from dsk.text import Text

ANY = ("0.0.0.0", "*", "[::]")  # noqa: S104 - compared, not bound


def judge(facts: Facts) -> Iterator[Finding]:
    cluster = facts.cluster
    for node in cluster.nodes:
        server = facts.servers.get(node.index)
        if server is None:
            continue
        if cluster.demo or cluster.in_place or server.worker == RUNNING:
            text = Text("port {port} is the worker's")
            yield Finding("worker-port", "ok", text.filled(port=cluster.worker_port), node.index)
            continue
        held = [
            each
            for each in server.listeners
            if each.port == cluster.worker_port and each.address in (node.host, *ANY)
        ]
        if held:
            yield _taken(node.index, cluster.worker_port, held[0])
        else:
            text = Text("port {port} is free").filled(port=cluster.worker_port)
            yield Finding("worker-port", "ok", text, node.index)


def _taken(node: int, port: int, by: Listener) -> Finding:
    text = Text("port {port} is in use by {holder}: the worker cannot start").filled(
        port=port, holder=holder(by)
    )
    fix = Text(
        "end what holds it (there: sudo ss -ltnp 'sport = :{port}'), or choose another worker_port "
        "in dsk.yaml"
    ).filled(port=port)
    return Finding("worker-port", "failed", text, node, seen=holder(by), fix=fix)


def holder(listener: Listener) -> str:
    """Who holds a port, as far as the server told."""
    process = f"{listener.program} (pid {listener.pid})" if listener.pid else "?"
    return f"{process} in container {listener.container}" if listener.container else process

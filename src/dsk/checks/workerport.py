"""The port that a worker's sshd is to listen on."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts
from dsk.checks.model import Check, Finding, each_server
from dsk.cluster.model import Node
from dsk.survey.server import ServerFacts
from dsk.survey.values import Listener
from dsk.text import Text

ANY = ("0.0.0.0", "*", "[::]")  # noqa: S104 - compared, not bound


def _judge(facts: Facts, node: Node, server: ServerFacts) -> Iterator[Finding]:
    cluster, port = facts.cluster, facts.cluster.worker_port
    own = cluster.demo or server.worker.alive
    found = Finding("worker-port", "ok", OWN if own else FREE, node.index)
    for each in () if own else server.listeners:
        if each.port == port and each.address in (node.host, *ANY):
            by = holder(each, server)
            found = Finding("worker-port", "failed", TAKEN, node.index, seen=by, fix=FIX)
    yield found.filled(port=port, holder=found.seen)


OWN = Text("port {port} is the worker's")
FREE = Text("port {port} is free")
TAKEN = Text("port {port} is in use by {holder}: the worker cannot start")
FIX = Text(
    "stop the process that uses it (there: sudo ss -ltnp 'sport = :{port}'), or choose another "
    "worker_port in dsk.yaml"
)


def holder(listener: Listener, server: ServerFacts) -> str:
    """Who holds a port, as far as the server tells."""
    process = f"{listener.program} (pid {listener.pid})" if listener.pid else "?"
    container = server.owners.get(listener.pid or 0)
    return f"{process} in container {container}" if container else process


CHECK = Check(
    "worker-port", each_server("worker-port", _judge), ("server",), "worker",
    facts=("worker", "listeners"), more=("owners",), asked_by=("launch", "up"),
)  # fmt: skip

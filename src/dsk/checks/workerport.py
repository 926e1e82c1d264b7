"""The port that a worker's sshd is to listen on."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts
from dsk.checks.model import Check, Finding
from dsk.survey.server import ServerFacts
from dsk.survey.values import Listener
from dsk.text import Text

ANY = ("0.0.0.0", "*", "[::]")  # noqa: S104 - compared, not bound


def judge(facts: Facts) -> Iterator[Finding]:
    cluster = facts.cluster
    for node in cluster.nodes:
        server = facts.servers.get(node.index)
        if server is None:
            continue
        if cluster.demo or server.worker.alive:
            text = Text("port {port} is the worker's", "端口 {port} 由 worker 使用")
            yield Finding("worker-port", "ok", text.filled(port=cluster.worker_port), node.index)
            continue
        held = [
            each
            for each in server.listeners
            if each.port == cluster.worker_port and each.address in (node.host, *ANY)
        ]
        if held:
            yield _taken(node.index, cluster.worker_port, holder(held[0], server))
        else:
            text = Text("port {port} is free", "端口 {port} 空闲").filled(port=cluster.worker_port)
            yield Finding("worker-port", "ok", text, node.index)


def _taken(node: int, port: int, by: str) -> Finding:
    text = Text(
        "port {port} is in use by {holder}: the worker cannot start",
        "端口 {port} 被 {holder} 占用：worker 无法启动",
    ).filled(port=port, holder=by)
    fix = Text(
        "end what holds it (there: sudo ss -ltnp 'sport = :{port}'), or choose another worker_port "
        "in dsk.yaml",
        "结束占用它的程序（在该服务器上：sudo ss -ltnp 'sport = :{port}'），或在 dsk.yaml 里换一个 "
        "worker_port",
    ).filled(port=port)
    return Finding("worker-port", "failed", text, node, seen=by, fix=fix)


def holder(listener: Listener, server: ServerFacts) -> str:
    """Who holds a port, as far as the server tells."""
    process = f"{listener.program} (pid {listener.pid})" if listener.pid else "?"
    container = server.owners.get(listener.pid or 0)
    return f"{process} in container {container}" if container else process


CHECK = Check(
    "worker-port", judge, ("server",), "worker",
    facts=("worker", "listeners"), more=("owners",), launch=True, up=True, in_place=False,
)  # fmt: skip

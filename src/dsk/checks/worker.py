"""Every node's worker: there, running, healthy, of the image and files that dsk.yaml means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dsk.checks.facts import Facts
from dsk.checks.model import Check, Finding, each_server
from dsk.cluster.model import Node
from dsk.survey.server import ServerFacts
from dsk.survey.values import MISSING, RUNNING, Container
from dsk.text import Text
from dsk.wire.remedies import OTHER_VERSION, UP


def _judge(facts: Facts, node: Node, server: ServerFacts) -> Iterator[Finding]:
    yield _of(facts, node.index, server)
    yield from _stale(facts, node.index)


def _of(facts: Facts, node: int, server: ServerFacts) -> Finding:
    state, in_place = server.worker.state, facts.cluster.in_place
    image, running = server.image.id if server.image else "", server.worker.image
    silent, up = facts.silent.get(node), UP.of(in_place=in_place)
    if state != RUNNING:
        text = MISSES if state == MISSING else IS
        found = Finding("worker", "failed", text, node, None, state, RUNNING, up)
    elif server.health:
        found = Finding("worker", "failed", NO_LOGIN, node, None, server.health, fix=up)
    elif silent:
        fix = silent.remedy or OTHER_VERSION.of(in_place=in_place)
        found = Finding("worker", "failed", SILENT, node, fix=fix)
    elif image and running != image:
        found = Finding("worker", "warning", OTHER_IMAGE, node, None, running, image, up)
    elif server.files:
        found = Finding("worker", "warning", BUNDLE, node, seen=", ".join(server.files), fix=up)
    else:
        found = Finding("worker", "ok", Text("up"), node, None, state, RUNNING)
    said = silent.told if silent else server.health
    return replace(found, text=found.text.filled(state=state, said=said, files=found.seen))


MISSES = Text("there is no worker")
IS = Text("the worker is {state}")
NO_LOGIN = Text("the worker accepts no login: {said}")
SILENT = Text("the worker runs, but does not answer: {said}")
OTHER_IMAGE = Text("the worker runs another image than the one that has that name now")
BUNDLE = Text("its bundle differs from dsk.yaml: {files}")
LEFT_OVER = Text("container {name} ({state}) is left over from an earlier job or dsk.yaml")
FIX_LEFT_OVER = Text("dsk check --fix, or there: docker rm --force {name}")


def stale(facts: Facts, node: int) -> Iterator[Container]:
    """What this cluster's dsk once started there and nothing of it needs any more."""
    host = facts.cluster.nodes[node].host
    for container in facts.servers[node].containers:
        # One that has exited is the newest job's own: the next job takes it away.
        left = container.role == "master" and container.state == "dead"
        strange = container.role == "worker" and container.host != host and not facts.cluster.demo
        if left or strange:
            yield container


def _stale(facts: Facts, node: int) -> Iterator[Finding]:
    for each in stale(facts, node):
        found = Finding("worker", "warning", LEFT_OVER, node, seen=each.name, fix=FIX_LEFT_OVER)
        yield found.filled(name=each.name, state=each.state)


CHECK = Check(
    "worker", each_server("worker", _judge, engine=True), ("server", "worker"), "clock",
    facts=("engine", "image", "worker", "files"), more=("health", "containers"),
    asked_by=("launch",),
)  # fmt: skip

"""Every node's worker: there, running, healthy, of the image and files that dsk.yaml means."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Container, Facts, ServerFacts
from dsk.checks.model import Finding
from dsk.errors import DskError
from dsk.text import Text

UP = Text("dsk up")
OTHER_VERSION = Text("was the worker made by another version of dsk? run: dsk up")
RUNNING, MISSING = "running", "missing"


def judge(facts: Facts) -> Iterator[Finding]:
    for node, server in facts.servers.items():
        if server.engine_problem:
            why = Text("the engine does not answer")
            yield Finding("worker", "skipped", why, node)
        else:
            yield _down(node, server, facts.silent.get(node)) or _of_dsk_yaml(node, server)
            yield from _stale(facts, node)


def _down(node: int, server: ServerFacts, silent: DskError | None) -> Finding | None:
    state = server.worker
    if state == MISSING:
        text = Text("there is no worker")
        return Finding("worker", "failed", text, node, None, state, RUNNING, UP)
    if state != RUNNING:
        text = Text("the worker is {state}").filled(state=state)
        return Finding("worker", "failed", text, node, None, state, RUNNING, UP)
    if server.health:
        text = Text("one cannot log in to the worker: {said}").filled(said=server.health)
        return Finding("worker", "failed", text, node, None, server.health, fix=UP)
    if silent:
        text = Text("the worker runs, but does not answer: {said}").filled(said=silent.told)
        return Finding("worker", "failed", text, node, fix=silent.remedy or OTHER_VERSION)
    return None


def _of_dsk_yaml(node: int, server: ServerFacts) -> Finding:
    if server.image and server.worker_image != server.image:
        text = Text("the worker runs another image than the one that is there under that name")
        seen, expected = server.worker_image, server.image
        return Finding("worker", "warning", text, node, None, seen, expected, UP)
    if server.files:
        text = Text("its bundle differs from dsk.yaml: {files}").filled(
            files=", ".join(server.files)
        )
        return Finding("worker", "warning", text, node, seen=", ".join(server.files), fix=UP)
    text = Text("up")
    return Finding("worker", "ok", text, node, None, server.worker, RUNNING)


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
    for container in stale(facts, node):
        text = Text(
            "container {name} ({state}) is left over from an earlier job or dsk.yaml"
        ).filled(name=container.name, state=container.state)
        fix = Text("dsk check --fix, or there: docker rm --force {name}").filled(
            name=container.name
        )
        yield Finding("worker", "warning", text, node, seen=container.name, fix=fix)

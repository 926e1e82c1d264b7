"""Every node's worker: there, running, healthy, of the image and files that dsk.yaml means."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts
from dsk.checks.model import Check, Finding
from dsk.survey.server import ServerFacts
from dsk.survey.values import MISSING, RUNNING, Container
from dsk.text import Text
from dsk.wire.remedies import OTHER_VERSION, UP


def judge(facts: Facts) -> Iterator[Finding]:
    for node, server in facts.servers.items():
        if server.engine.problem:
            why = Text("the engine does not answer", "Docker 引擎没有响应")
            yield Finding("worker", "skipped", why, node)
        else:
            yield _down(facts, node, server) or _of_dsk_yaml(facts, node, server)
            yield from _stale(facts, node)


def _down(facts: Facts, node: int, server: ServerFacts) -> Finding | None:
    state, in_place = server.worker.state, facts.cluster.in_place
    up = UP.of(in_place=in_place)
    if state == MISSING:
        text = Text("there is no worker", "没有 worker")
        return Finding("worker", "failed", text, node, None, state, RUNNING, up)
    if state != RUNNING:
        text = Text("the worker is {state}", "worker 的状态是 {state}").filled(state=state)
        return Finding("worker", "failed", text, node, None, state, RUNNING, up)
    if server.health:
        text = Text("one cannot log in to the worker: {said}", "无法登录到 worker：{said}").filled(
            said=server.health
        )
        return Finding("worker", "failed", text, node, None, server.health, fix=up)
    if silent := facts.silent.get(node):
        text = Text(
            "the worker runs, but does not answer: {said}", "worker 在运行，但没有应答：{said}"
        ).filled(said=silent.told)
        return Finding(
            "worker", "failed", text, node, fix=silent.remedy or OTHER_VERSION.of(in_place=in_place)
        )
    return None


def _of_dsk_yaml(facts: Facts, node: int, server: ServerFacts) -> Finding:
    up = UP.of(in_place=facts.cluster.in_place)
    image, running = server.image.id if server.image else "", server.worker.image
    if image and running != image:
        text = Text(
            "the worker runs another image than the one that is there under that name",
            "worker 运行的镜像与该名称现在的镜像不同",
        )
        return Finding("worker", "warning", text, node, None, running, image, up)
    if server.files:
        text = Text(
            "its bundle differs from dsk.yaml: {files}", "它的 bundle 与 dsk.yaml 不一致：{files}"
        ).filled(files=", ".join(server.files))
        return Finding("worker", "warning", text, node, seen=", ".join(server.files), fix=up)
    text = Text("up", "正常运行")
    return Finding("worker", "ok", text, node, None, server.worker.state, RUNNING)


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
            "container {name} ({state}) is left over from an earlier job or dsk.yaml",
            "容器 {name}（{state}）是以前的任务或 dsk.yaml 遗留的",
        ).filled(name=container.name, state=container.state)
        fix = Text(
            "dsk check --fix, or there: docker rm --force {name}",
            "dsk check --fix，或在该服务器上：docker rm --force {name}",
        ).filled(name=container.name)
        yield Finding("worker", "warning", text, node, seen=container.name, fix=fix)


CHECK = Check(
    "worker", judge, ("server", "worker"), "clock",
    facts=("engine", "image", "worker", "files"), more=("health", "containers"), launch=True,
)  # fmt: skip

"""The container runtime that gives workers the accelerators."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts
from dsk.checks.gpus import NO_GPUS_WANTED
from dsk.checks.model import Check, Finding
from dsk.text import Text


def judge(facts: Facts) -> Iterator[Finding]:
    devices = facts.cluster.devices
    for node, server in facts.servers.items():
        if not devices.server_devices:
            yield Finding("toolkit", "skipped", NO_GPUS_WANTED, node)
        elif server.engine.problem:
            why = Text("the engine does not answer", "Docker 引擎没有响应")
            yield Finding("toolkit", "skipped", why, node)
        elif devices.runtime and not server.runtime:
            text = Text(
                "the {maker} container toolkit is missing", "缺少 {maker} container toolkit"
            ).filled(maker=devices.maker)
            fix = Text("there: {commands}", "在该服务器上：{commands}").filled(
                commands=devices.runtime_install
            )
            yield Finding("toolkit", "failed", text, node, fix=fix)
        else:
            text = Text("Docker can give containers the GPUs", "Docker 可以把 GPU 提供给容器")
            yield Finding("toolkit", "ok", text, node)


CHECK = Check(
    "toolkit", judge, ("server",), "driver", facts=("engine", "runtime"), up=True, in_place=False
)

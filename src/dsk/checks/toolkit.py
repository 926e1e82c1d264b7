"""The container runtime that gives workers the accelerators."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts
from dsk.checks.model import Check, Finding, each_server
from dsk.cluster.model import Node
from dsk.survey.server import ServerFacts
from dsk.text import Text


def _judge(facts: Facts, node: Node, server: ServerFacts) -> Iterator[Finding]:
    devices = facts.cluster.devices
    if devices.runtime and not server.runtime:
        text = Text("the {maker} container toolkit is missing")
        fix = Text("there: {commands}")
        found = Finding("toolkit", "failed", text, node.index, fix=fix)
        yield found.filled(maker=devices.maker, commands=devices.runtime_install)
    else:
        text = Text("Docker can give containers the GPUs")
        yield Finding("toolkit", "ok", text, node.index)


judge = each_server("toolkit", _judge, engine=True, gpus=True)
CHECK = Check(
    "toolkit", judge, ("server",), "driver",
    facts=("engine", "runtime"), asked_by=("init", "up"), in_place=False,
)  # fmt: skip

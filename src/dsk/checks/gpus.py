"""As many accelerators as slots."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.accelerators import Accelerator
from dsk.checks.facts import Facts, ServerFacts
from dsk.checks.model import Finding
from dsk.cluster.model import Node
from dsk.text import Text

NO_GPUS_WANTED = Text("accelerator: cpu in dsk.yaml")
_NOT_READ = Text("what {maker}'s tools say is not read yet")


def not_looked_at(devices: Accelerator) -> Text | None:
    """Why nothing is known of each GPU by itself; None where it is."""
    if not devices.server_devices:
        return NO_GPUS_WANTED
    return None if devices.server_look else _NOT_READ.filled(maker=devices.maker)


def judge(facts: Facts) -> Iterator[Finding]:
    for node in facts.cluster.nodes:
        if node.index in facts.servers:
            server = facts.servers[node.index]
            on_cpu = not facts.cluster.devices.server_devices
            # A container that was given some of the GPUs sees the others in /proc all the same.
            devices = 0 if facts.cluster.in_place else server.gpu_devices
            maker = facts.cluster.devices.maker
            yield _cpus(node, server) if on_cpu else _gpus(node, server, devices, maker)


def _gpus(node: Node, server: ServerFacts, devices: int, maker: str) -> Finding:
    """`devices`: how many the driver has, 0 where that is not known. `maker` stands for names that
    no tool tells."""
    here = max(len(server.gpus), devices)
    if here < node.slots:
        text = Text("slots: {slots}, but the server has {here} GPU(s){problem}").filled(
            slots=node.slots, here=here, problem=because(server.gpu_problem)
        )
        fix = Text("set slots: {here} in dsk.yaml (nodes[{index}]); dsk up").filled(
            here=here, index=node.index
        )
        seen, expected = str(here), str(node.slots)
        return Finding("gpus", "failed", text, node.index, None, seen, expected, fix)
    if server.gpus and len(server.gpus) < devices:
        text = Text("nvidia-smi shows {shown} of {here} GPUs: one does not answer").filled(
            shown=len(server.gpus), here=server.gpu_devices
        )
        return Finding("gpus", "warning", text, node.index, fix=_REBOOT)
    names = ", ".join(sorted({gpu.name for gpu in server.gpus})) or maker
    text = Text("{here} GPU(s) {names}").filled(here=here, names=names)
    return Finding("gpus", "ok", text, node.index, None, str(here), str(node.slots))


def because(problem: str) -> str:
    return f" ({problem})" if problem else ""


def _cpus(node: Node, server: ServerFacts) -> Finding:
    seen, expected = str(server.cpus), str(node.slots)
    if 0 < server.cpus < node.slots:
        text = Text(
            "slots: {slots} on {cpus} CPU cores: the ranks share them, and each is slower for it"
        ).filled(slots=node.slots, cpus=server.cpus)
        fix = Text("set slots: {cpus} or less in dsk.yaml (nodes[{index}]); dsk up").filled(
            cpus=server.cpus, index=node.index
        )
        return Finding("gpus", "warning", text, node.index, None, seen, expected, fix)
    text = Text("{slots} slot(s) on {cpus} CPU cores").filled(slots=node.slots, cpus=server.cpus)
    return Finding("gpus", "ok", text, node.index, None, seen, expected)


_REBOOT = Text("there: sudo dmesg | grep -i nvrm   and reboot the server")

"""As many accelerators as slots."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.accelerators import Accelerator
from dsk.checks.facts import Facts
from dsk.checks.model import Check, Finding
from dsk.cluster.model import Cluster, Node
from dsk.errors import UserError
from dsk.survey.server import ServerFacts
from dsk.text import Text
from dsk.wire.remedies import Remedy

NO_GPUS_WANTED = Text("accelerator: cpu in dsk.yaml", "dsk.yaml 里是 accelerator: cpu")
_NOT_READ = Text("what {maker}'s tools say is not read yet", "尚不能读取 {maker} 工具的输出")


def not_looked_at(devices: Accelerator) -> Text | None:
    """Why nothing is known of each GPU by itself; None where it is."""
    if not devices.server_devices:
        return NO_GPUS_WANTED
    return None if devices.server_look else _NOT_READ.filled(maker=devices.maker)


def judge(facts: Facts) -> Iterator[Finding]:
    for node in facts.cluster.nodes:
        if node.index in facts.servers:
            on_cpu = not facts.cluster.devices.server_devices
            judge_node = _cpus if on_cpu else _gpus
            yield judge_node(facts.cluster, node, facts.servers[node.index])


def _gpus(cluster: Cluster, node: Node, server: ServerFacts) -> Finding:
    # A container that was given some of the GPUs sees the others in /proc all the same.
    devices = 0 if cluster.in_place else server.gpu_devices
    here = max(len(server.gpus), devices)
    if cluster.demo and here < cluster.world_size:
        return _demo(cluster, node, here)
    if here < node.slots:
        text = Text(
            "slots: {slots}, but the server has {here} GPU(s){problem}",
            "slots: {slots}，但服务器只有 {here} 块 GPU{problem}",
        ).filled(slots=node.slots, here=here, problem=because(server.problems.get("gpus", "")))
        fix = _SLOTS.of(in_place=cluster.in_place).filled(here=here, index=node.index)
        seen, expected = str(here), str(node.slots)
        return Finding("gpus", "failed", text, node.index, None, seen, expected, fix, UserError)
    if server.gpus and len(server.gpus) < devices:
        text = Text(
            "nvidia-smi shows {shown} of {here} GPUs: one does not answer",
            "nvidia-smi 只显示 {here} 块 GPU 中的 {shown} 块：有一块没有响应",
        ).filled(shown=len(server.gpus), here=server.gpu_devices)
        return Finding("gpus", "warning", text, node.index, fix=_REBOOT)
    names = ", ".join(sorted({gpu.name for gpu in server.gpus})) or cluster.devices.maker
    text = Text("{here} GPU(s) {names}", "{here} 块 GPU {names}").filled(here=here, names=names)
    return Finding("gpus", "ok", text, node.index, None, str(here), str(node.slots))


def _demo(cluster: Cluster, node: Node, here: int) -> Finding:
    text = Text(
        "--gpus needs {count} GPUs on this machine, which has {here}",
        "--gpus 需要本机有 {count} 块 GPU，现有 {here} 块",
    ).filled(count=cluster.world_size, here=here)
    fix = Text("dsk demo, which trains on CPUs", "dsk demo（用 CPU 训练）")
    return Finding("gpus", "failed", text, node.index, fix=fix)


def because(problem: str) -> str:
    return f" ({problem})" if problem else ""


def _cpus(cluster: Cluster, node: Node, server: ServerFacts) -> Finding:
    seen, expected = str(server.cpus), str(node.slots)
    if 0 < server.cpus < node.slots:
        text = Text(
            "slots: {slots} on {cpus} CPU cores: the ranks share them, and each is slower for it",
            "slots: {slots}，但只有 {cpus} 个 CPU 核：各 rank 共用它们，会更慢",
        ).filled(slots=node.slots, cpus=server.cpus)
        fix = _FEWER.of(in_place=cluster.in_place).filled(here=server.cpus, index=node.index)
        return Finding("gpus", "warning", text, node.index, None, seen, expected, fix)
    text = Text("{slots} slot(s) on {cpus} CPU cores", "{slots} 个 slot，{cpus} 个 CPU 核").filled(
        slots=node.slots, cpus=server.cpus
    )
    return Finding("gpus", "ok", text, node.index, None, seen, expected)


_REBOOT = Text(
    "there: sudo dmesg | grep -i nvrm   and reboot the server",
    "在该服务器上：sudo dmesg | grep -i nvrm，并重启服务器",
)

_SLOTS = Remedy(
    engine=Text(
        "set slots: {here} in dsk.yaml (nodes[{index}]); dsk up",
        "在 dsk.yaml 里把 nodes[{index}] 的 slots 改为 {here}，然后：dsk up",
    ),
    in_place=Text(
        "set slots: {here} in dsk.yaml (nodes[{index}]), or give its container the GPUs",
        "在 dsk.yaml 里把 nodes[{index}] 的 slots 改为 {here}，或给它的容器分配 GPU",
    ),
)
_FEWER = Remedy(
    engine=Text(
        "set slots: {here} or less in dsk.yaml (nodes[{index}]); dsk up",
        "在 dsk.yaml 里把 nodes[{index}] 的 slots 改为 {here} 或更少，然后：dsk up",
    ),
    in_place=Text(
        "set slots: {here} or less in dsk.yaml (nodes[{index}])",
        "在 dsk.yaml 里把 nodes[{index}] 的 slots 改为 {here} 或更少",
    ),
)

CHECK = Check(
    "gpus", judge, ("server",), "toolkit", facts=("gpu_devices", "cpus"), more=("gpus",), up=True
)

"""Other programs on the GPUs."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts
from dsk.checks.gpus import not_looked_at
from dsk.checks.model import Check, Finding
from dsk.checks.sizes import GIB, gib
from dsk.survey.server import ServerFacts
from dsk.survey.values import Gpu
from dsk.text import Text

IDLE_BYTES = GIB
"""What a driver and a display server keep of a GPU that nobody computes on."""


def judge(facts: Facts) -> Iterator[Finding]:
    for node in facts.cluster.nodes:
        server = facts.servers.get(node.index)
        if server is None:
            continue
        if reason := not_looked_at(facts.cluster.devices):
            yield Finding("gpu-use", "skipped", reason, node.index)
        elif not server.gpus:
            why = Text("nvidia-smi shows no GPU", "nvidia-smi 没有显示 GPU")
            yield Finding(
                "gpu-use", "skipped", why, node.index, seen=server.problems.get("gpus", "")
            )
        else:
            used = [gpu for gpu in server.gpus[: node.slots] if gpu.used > IDLE_BYTES]
            yield from (_used(node.index, server, gpu) for gpu in used)
            if not used:
                text = Text("nobody else computes on the GPUs", "没有其他程序占用 GPU")
                yield Finding("gpu-use", "ok", text, node.index)


def _used(node: int, server: ServerFacts, gpu: Gpu) -> Finding:
    jobs = {each.name: each.job for each in server.containers}
    owners = {pid: jobs.get(name) or name for pid, name in server.owners.items()}
    holders = [
        f"{each.program} (pid {each.pid}{f', {owners[each.pid]}' if each.pid in owners else ''})"
        for each in gpu.processes
    ]
    text = Text(
        "GPU {index}: {used} of {total} are in use, by {holders}",
        "GPU {index}：已占用 {used}（共 {total}），占用者：{holders}",
    ).filled(
        index=gpu.index,
        used=gib(gpu.used),
        total=gib(gpu.memory),
        holders=", ".join(holders) or "?",
    )
    pids = " ".join(str(each.pid) for each in gpu.processes)
    fix = (
        Text(
            "if it is not needed, there: kill {pids}", "若不需要，在该服务器上：kill {pids}"
        ).filled(pids=pids)
        if pids
        else Text("there: nvidia-smi", "在该服务器上：nvidia-smi")
    )
    return Finding("gpu-use", "warning", text, node, seen=gib(gpu.used), fix=fix)


CHECK = Check("gpu-use", judge, ("server",), "gpus", facts=("gpus", "containers", "owners"))

"""Other programs on the GPUs."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts, Gpu, ServerFacts
from dsk.checks.gpus import not_looked_at
from dsk.checks.model import Finding
from dsk.checks.sizes import GIB, gib
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
            why = Text("nvidia-smi shows no GPU")
            yield Finding("gpu-use", "skipped", why, node.index, seen=server.gpu_problem)
        else:
            used = [gpu for gpu in server.gpus[: node.slots] if gpu.used > IDLE_BYTES]
            yield from (_used(node.index, server, gpu) for gpu in used)
            if not used:
                text = Text("nobody else computes on the GPUs")
                yield Finding("gpu-use", "ok", text, node.index)


def _used(node: int, server: ServerFacts, gpu: Gpu) -> Finding:
    own = {each.name: each.job for each in server.containers}
    holders = [
        f"{each.program} (pid {each.pid}"
        + (f", {own.get(each.container) or each.container})" if each.container else ")")
        for each in gpu.processes
    ]
    text = Text("GPU {index}: {used} of {total} are in use, by {holders}").filled(
        index=gpu.index,
        used=gib(gpu.used),
        total=gib(gpu.memory),
        holders=", ".join(holders) or "?",
    )
    pids = " ".join(str(each.pid) for each in gpu.processes)
    fix = (
        Text("if it is not needed, there: kill {pids}").filled(pids=pids)
        if pids
        else Text("there: nvidia-smi")
    )
    return Finding("gpu-use", "warning", text, node, seen=gib(gpu.used), fix=fix)

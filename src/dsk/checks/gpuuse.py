"""Other programs on the GPUs."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts
from dsk.checks.gpus import each_gpu_server
from dsk.checks.model import Check, Finding
from dsk.checks.sizes import GIB, gib
from dsk.cluster.model import Node
from dsk.survey.server import ServerFacts
from dsk.survey.values import Gpu
from dsk.text import Text

IDLE_BYTES = GIB
"""What a driver and a display server keep of a GPU that nobody computes on."""
USED = Text("GPU {index}: {used} of {total} are in use, by {holders}")
KILL = Text("if it is not needed, there: kill {pids}")
LOOK = Text("there: nvidia-smi")


def _judge(_: Facts, node: Node, server: ServerFacts) -> Iterator[Finding]:
    used = [gpu for gpu in server.gpus[: node.slots] if gpu.used > IDLE_BYTES]
    yield from (_used(node.index, server, gpu) for gpu in used)
    if not used:
        text = Text("no other program uses the GPUs")
        yield Finding("gpu-use", "ok", text, node.index)


def _used(node: int, server: ServerFacts, gpu: Gpu) -> Finding:
    jobs = {each.name: each.job for each in server.containers}
    owners = {pid: jobs.get(name) or name for pid, name in server.owners.items()}
    holders = [
        f"{each.program} (pid {each.pid}{f', {owners[each.pid]}' if each.pid in owners else ''})"
        for each in gpu.processes
    ]
    pids, used = " ".join(str(each.pid) for each in gpu.processes), gib(gpu.used)
    found = Finding("gpu-use", "warning", USED, node, seen=used, fix=KILL if pids else LOOK)
    total, by = gib(gpu.memory), ", ".join(holders) or "?"
    return found.filled(index=gpu.index, used=used, total=total, holders=by, pids=pids)


judge = each_gpu_server("gpu-use", _judge)
CHECK = Check("gpu-use", judge, ("server",), "gpus", facts=("gpus", "containers", "owners"))

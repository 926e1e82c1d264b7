"""Accelerators that each worker sees: a server's and its container's may differ.

NVIDIA's are lost to a container when the server's systemd is reloaded: `Failed to initialize NVML:
Unknown Error` (NVIDIA/nvidia-container-toolkit issue 48).
"""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts, WorkerFacts
from dsk.checks.gpus import NO_GPUS_WANTED, because
from dsk.checks.model import Finding
from dsk.cluster.model import Node
from dsk.text import Text


def judge(facts: Facts) -> Iterator[Finding]:
    for node in facts.cluster.nodes:
        worker = facts.workers.get(node.index)
        if worker is None:
            continue
        if not facts.cluster.devices.worker_devices:
            yield Finding("worker-gpus", "skipped", NO_GPUS_WANTED, node.index)
        elif worker.gpus is None:
            text = Text("it computes on {kind}").filled(kind=worker.accelerator)
            yield Finding("worker-gpus", "skipped", text, node.index)
        else:
            yield _finding(node, worker, worker.gpus, in_place=facts.cluster.in_place)


def _finding(node: Node, worker: WorkerFacts, seen: int, *, in_place: bool) -> Finding:
    numbers = str(seen), str(node.slots)
    if seen >= node.slots:
        text = Text("the worker sees {seen} GPU(s)")
        return Finding("worker-gpus", "ok", text.filled(seen=seen), node.index, None, *numbers)
    text = Text("slots: {slots}, but the worker sees {seen} GPU(s){problem}").filled(
        slots=node.slots, seen=seen, problem=because(worker.gpu_problem)
    )
    fix = _GIVE if in_place else _RESTART
    return Finding("worker-gpus", "failed", text, node.index, None, *numbers, fix)


_RESTART = Text("dsk up --force, which restarts the worker; or lower the node's slots in dsk.yaml")
_GIVE = Text("lower the node's slots in dsk.yaml, or give its container the GPUs")

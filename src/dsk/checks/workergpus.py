"""Accelerators that each worker sees: a server's and its container's may differ.

NVIDIA's are lost to a container when the server's systemd is reloaded: `Failed to initialize NVML:
Unknown Error` (NVIDIA/nvidia-container-toolkit issue 48).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dsk.checks.facts import Facts
from dsk.checks.model import NO_GPUS_WANTED, Check, Finding
from dsk.text import Text
from dsk.wire.agreement import FEWER_GPUS, because
from dsk.wire.remedies import GPUS


def judge(facts: Facts) -> Iterator[Finding]:
    fix = GPUS.of(in_place=facts.cluster.in_place)
    for index, worker in facts.workers.items():
        slots, gpus = facts.cluster.nodes[index].slots, worker.gpus
        if not facts.cluster.devices.worker_devices:
            yield Finding("worker-gpus", "skipped", NO_GPUS_WANTED, index)
        elif gpus is None:
            text = Text("it computes on {kind}").filled(kind=worker.accelerator)
            yield Finding("worker-gpus", "skipped", text, index)
        else:
            found = Finding("worker-gpus", "ok", SEES, index, None, str(gpus), str(slots))
            if gpus < slots:
                found = replace(found, state="failed", text=FEWER_GPUS, fix=fix)
            yield found.filled(slots=slots, seen=gpus, problem=because(worker.gpu_problem))


SEES = Text("the worker sees {seen} GPU(s)")

CHECK = Check("worker-gpus", judge, ("worker",), "worker-port")

"""Free disk for the job's checkpoints."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts, JobFacts
from dsk.checks.model import Check, Finding
from dsk.checks.sizes import gib
from dsk.text import Text

BYTES_A_WEIGHT = 2
"""bf16, as weights are saved."""
STATES_BYTES = 12
"""A weight's 32-bit copy and Adam's two moments, as DeepSpeed saves them for a resume."""
AT_ONCE = 2
"""A checkpoint is whole before the one before it is deleted."""
LORA_SHARE = 0.05
"""Adapters and their optimizer states against the model's weights, with room to spare."""


def judge(facts: Facts) -> Iterator[Finding]:
    job = facts.job
    if job is None or job.problem:
        return
    needed = checkpoint_bytes(job) * AT_ONCE
    for node, worker in facts.workers.items():
        disk = worker.workspace.disk
        if disk is None:
            continue
        if not needed:
            yield Finding("room", "skipped", _UNKNOWN, node)
            continue
        values = {"needed": gib(needed), "free": gib(disk.free)}
        seen, expected = values["free"], values["needed"]
        if disk.free >= needed:
            text = Text("{free} free, checkpoints take {needed}")
            yield Finding("room", "ok", text.filled(**values), node, None, seen, expected)
            continue
        text = Text(
            "two checkpoints take about {needed}, and {free} are free: saving will fail"
        ).filled(**values)
        yield Finding("room", "warning", text, node, None, seen, expected, _FIX)


def checkpoint_bytes(job: JobFacts) -> float:
    """Of one checkpoint, on a node that saves all of it; 0 where the model's size is not known."""
    weights = job.weight_bytes / BYTES_A_WEIGHT
    if job.values.get("save_strategy") == "no":
        states = 0
    else:
        states = 0 if job.values.get("save_only_model") else STATES_BYTES
    share = LORA_SHARE if job.values.get("finetuning_type", "lora") in ("lora", "oft") else 1.0
    return weights * (BYTES_A_WEIGHT + states) * share


_UNKNOWN = Text("the model's size is not known here")
_FIX = Text("make room, or write save_only_model: true, save_total_limit: 1, or another output_dir")

CHECK = Check("room", judge, ("worker", "job"), "template")

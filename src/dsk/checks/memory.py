"""What a rank needs of its GPU's memory, by estimate (docs/memory.md), against what that has."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts, GpuNeed
from dsk.checks.model import Check, Finding
from dsk.cluster.model import Node
from dsk.text import Text

NAME = "gpu-memory"
GIB = 1 << 30
BESIDE = GIB
"""For the CUDA context, NCCL's buffers, and what PyTorch's allocator cannot use."""
NEAR = 1.1
"""The estimate was measured to be right within a few percent, on one rank."""

_FIXES = {
    "step": Text("deepspeed=z3 (or z2_offload, z3_offload), more GPUs, or finetuning_type=lora"),
}
_SMALLER_BATCH = Text(
    "lower per_device_train_batch_size (a larger gradient_accumulation_steps keeps the global "
    "batch) or cutoff_len"
)


def judge(facts: Facts) -> Iterator[Finding]:
    if facts.job is None or facts.job.problem:
        why = Text("no recipe to estimate for")
        yield Finding(NAME, "skipped", why)
        return
    need = facts.job.gpu
    if need is None:
        yield Finding(NAME, "skipped", Text("the ranks run on CPU"))
    elif need.problem:
        why = Text("no estimate: {problem}").filled(problem=need.problem)
        yield Finding(NAME, "skipped", why)
    else:
        for node in facts.cluster.nodes:
            if node.index in facts.servers:
                used = facts.servers[node.index].gpus[: node.slots]
                yield _judge_node(node, need, min((gpu.memory for gpu in used), default=0))


def _judge_node(node: Node, need: GpuNeed, smallest: int) -> Finding:
    if not smallest:
        why = Text("its GPUs' memory is not known")
        return Finding(NAME, "skipped", why, node.index)
    seen, expected = f"{smallest / GIB:.1f} GiB", f"{(need.peak + BESIDE) / GIB:.1f} GiB"
    values = {"need": expected, "has": seen}
    if need.peak * NEAR + BESIDE <= smallest:
        text = Text("a rank needs about {need} of {has}")
        return Finding(NAME, "ok", text.filled(**values), node.index, None, seen, expected)
    fits = need.peak + BESIDE <= smallest
    text = (
        Text("a rank needs about {need} of {has}: it may run out of memory")
        if fits
        else Text("a rank needs about {need}, its GPU has {has}")
    )
    return Finding(
        NAME,
        "warning" if fits else "failed",
        text.filled(**values),
        node.index,
        None,
        seen,
        expected,
        _FIXES.get(need.when, _SMALLER_BATCH),
    )


CHECK = Check(NAME, judge, ("server", "job"), "room", facts=("gpus",))

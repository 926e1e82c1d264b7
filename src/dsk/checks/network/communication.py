"""Whether the job's GPUs would mostly wait for the network, with the preset of train.yaml."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from dsk.checks.facts import Facts, StepNeed
from dsk.checks.memory import BESIDE
from dsk.checks.model import Check, Finding
from dsk.checks.network.bandwidth import written
from dsk.checks.network.facts import ALONE, Network
from dsk.text import Text

NAME = "communication"
ACHIEVED = 0.4
"""Of the datasheet's operations, what a training reaches at most in practice."""
TERA = 1e12
PEAKS: Mapping[str, float] = {
    **dict.fromkeys(("H100", "H200", "H800", "GH200"), 989),
    **dict.fromkeys(("A100", "A800"), 312),
    **{"H20": 148, "L40S": 362, "L40": 181, "L20": 119, "L4": 121, "A40": 150, "A10": 125},
    **{"V100": 125, "T4": 65, "A6000": 155, "4090": 165, "3090": 71},
}
"""Dense operations a second in bf16 or fp16 by the makers' datasheets, in units of 1e12."""

OK = Text(
    "an optimizer step sends {sent} GB through each node, {seconds} s at {rate}, and computes for "
    "about {compute} s"
)
SLOW = Text(
    "an optimizer step sends {sent} GB through each node: {seconds} s at {rate}, while its GPUs "
    "compute for about {compute} s"
)
BETTER = Text("deepspeed={preset} sends {sent} GB: {seconds} s")
PLAIN = Text("leave deepspeed out: plain data parallel sends {sent} GB, {seconds} s")
NONE_BETTER = Text(
    "raise gradient_accumulation_steps with z0 or without deepspeed, use finetuning_type=lora, or "
    "a faster network"
)


def judge(facts: Facts) -> Iterator[Finding]:
    if len(facts.cluster.nodes) == 1:
        yield Finding(NAME, "ok", ALONE)
        return
    need = facts.job.step if facts.job else None
    rates = [each.rate for each in Network(facts.network).speeds.values() if each.rate > 0]
    if facts.job is None or facts.job.problem:
        yield _skipped(Text("no recipe to estimate for"))
    elif need is None:
        yield _skipped(Text("the ranks run on CPU"))
    elif need.problem:
        yield _skipped(Text("no estimate: {problem}").filled(problem=need.problem))
    elif not rates:
        yield _skipped(Text("the bandwidth was not measured"))
    else:
        yield _judge(facts, need, min(rates))


def _judge(facts: Facts, need: StepNeed, rate: float) -> Finding:
    """`rate` in bits per second."""
    names = {gpu.name for server in facts.servers.values() for gpu in server.gpus}
    peaks = {name: peak_of(name) for name in names}
    if not peaks or None in peaks.values():
        unknown = ", ".join(sorted(name for name, peak in peaks.items() if peak is None))
        text = Text("how fast this GPU computes is not known: {gpu}")
        return _skipped(text.filled(gpu=unknown or "?"))
    slowest = min(peak for peak in peaks.values() if peak is not None)
    compute = need.operations / (ACHIEVED * slowest * TERA)
    seconds = need.sent * 8 / rate
    said = {
        "sent": f"{need.sent / 1e9:.3g}",
        "seconds": f"{seconds:.3g}",
        "rate": written(rate),
        "compute": f"{compute:.3g}",
    }
    if seconds <= compute:
        return Finding(NAME, "ok", OK.filled(**said), seen=said["seconds"])
    fix = _fix(facts, need, rate)
    return Finding(
        NAME,
        "warning",
        SLOW.filled(**said),
        seen=said["seconds"],
        expected=said["compute"],
        fix=fix,
    )


def _fix(facts: Facts, need: StepNeed, rate: float) -> Text:
    """The preset that sends least of those that fit, where that is a third less at least."""
    memory = min(
        (
            gpu.memory
            for node in facts.cluster.nodes
            if node.index in facts.servers
            for gpu in facts.servers[node.index].gpus[: node.slots]
        ),
        default=0,
    )
    fitting = {
        preset: sent
        for preset, (sent, peak) in need.others.items()
        if peak + BESIDE <= memory and sent * 1.5 <= need.sent
    }
    if not fitting:
        return NONE_BETTER
    preset = min(fitting, key=lambda each: fitting[each])
    text = PLAIN if preset == "none" else BETTER
    sent = fitting[preset]
    return text.filled(preset=preset, sent=f"{sent / 1e9:.3g}", seconds=f"{sent * 8 / rate:.3g}")


def peak_of(name: str) -> float | None:
    """Of a GPU by nvidia-smi's name, `NVIDIA H100 80GB HBM3`; None where it is not listed."""
    for word in re.split(r"[\s-]+", name):
        if word in PEAKS:
            return PEAKS[word]
    return None


def _skipped(why: Text) -> Finding:
    return Finding(NAME, "skipped", why)


CHECK = Check(NAME, judge, ("network", "job"), "bandwidth", each=False, facts=("gpus",))

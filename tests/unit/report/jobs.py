"""Folders of jobs, made by the code that writes them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from dsk.text import verbatim
from dsk.wire import events, paths, samples
from dsk.wire.events import Attempt, Event, Failure, Finished, Notice, Phase, Step
from dsk.wire.figures import GpuFigures, HostFigures
from dsk.wire.samples import NodeSample, TrainerSample, Versions
from dsk.wire.status import JobStatus

BEGIN = 1_795_900_000.0
GB = 1_000_000_000
RECIPE = """\
model_name_or_path: /workspace/models/m
learning_rate: 1.0e-05
deepspeed: {zero_optimization: {stage: 2}}
hf_hub_token: hf_abcdefghijklmn
"""
STATUS = JobStatus(
    "20261128-101010-abcd", "lab", "succeeded", ("10.0.0.11", "10.0.0.12"), 4, BEGIN, BEGIN + 400,
    "/workspace/outputs/x", exit_code=0, step=100, steps=100, loss=1.5, ran=True,
)  # fmt: skip
VERSIONS = Versions("0.1.0", "sha256:abc", {"name": "cu128", "torch": "2.9.1"})


def lines(items: Sequence[str]) -> bytes:
    return "".join(f"{item}\n" for item in items).encode()


def files(
    happened: Sequence[Event] = (),
    nodes: Sequence[NodeSample] = (),
    trainer: Sequence[TrainerSample] = (),
    *,
    status: JobStatus | None = STATUS,
    recipe: str = RECIPE,
    versions: Versions = VERSIONS,
) -> dict[str, bytes]:
    found = {
        paths.EVENTS: lines([events.encode(each) for each in happened]),
        samples.FIGURES: lines([samples.encode(each) for each in nodes]),
        samples.TRAINER: lines([samples.encode(each) for each in trainer]),
        samples.VERSIONS: samples.encode(versions).encode(),
        "recipe.yaml": recipe.encode(),
    }
    if status:
        found[paths.STATUS] = status.to_json().encode()
    return {name: data for name, data in found.items() if data}


def restarted() -> list[Event]:
    """100 steps of 2 s; the second attempt begins again at step 40, where the first had 60."""
    at = BEGIN
    happened: list[Event] = [
        Phase(at, "starting", verbatim("connecting to 2 workers")),
        Notice(at + 1, "change", verbatim("output_dir: outputs/x -> /workspace/outputs/x (…)")),
        Attempt(at + 5, 0, (0, 1)),
        Phase(at + 8, "running", verbatim("the ranks are running")),
        Step(at + 8, "loading", None, None),
    ]
    happened += [
        Step(at + 30 + 10 * n, "training", 5 * n, 100, 3 - 0.02 * 5 * n, 12.0) for n in range(13)
    ]
    happened += [
        Failure(
            at + 155,
            verbatim("rank 3 on node1 (10.0.0.12) was killed"),
            1,
            3,
            -9,
            verbatim("dsk check"),
        ),
        Phase(at + 155, "stopping", verbatim("ending what is left of the job on every node")),
        Attempt(at + 160, 1, (0, 1), "/workspace/outputs/x/checkpoint-40"),
        Phase(at + 162, "running", verbatim("the ranks are running")),
    ]
    happened += [
        Step(at + 180 + 10 * n, "training", 40 + 5 * n, 100, 2.2 - 0.02 * 5 * n, 12.0)
        for n in range(13)
    ]
    happened += [
        Step(at + 300, "ending", 100, 100, 1.0, 12.0),
        Finished(at + 305, "succeeded", 0, 305.0, "/f", "/workspace/outputs/x"),
    ]
    return happened


def trained() -> list[TrainerSample]:
    """What LLaMA-Factory logs of it, every step."""
    first = [_line(BEGIN + 30 + 2 * step, 0, step) for step in range(1, 61)]
    second = [_line(BEGIN + 180 + 2 * (step - 40), 1, step) for step in range(41, 101)]
    return [*first, *second]


def _line(at: float, attempt: int, step: int) -> TrainerSample:
    line = TrainerSample(
        at, attempt, step, loss=3 - 0.02 * step + 0.1 * math.sin(step), learning_rate=1e-5,
        epoch=step / 50, tokens=step * 8192,
    )  # fmt: skip
    if step % 20 == 0:
        line = replace(line, eval_loss=3.1 - 0.02 * step)
    return line


def watched(nodes: int, gpus: int, reports: int, every: float = 2.0) -> list[NodeSample]:
    return [
        NodeSample(
            BEGIN + 5 + every * n,
            0,
            node,
            HostFigures(
                512 * GB, 400 * GB - n % 7 * GB, 2000 * GB - n, 12.5,
                network_received=n * 200_000_000, network_sent=n * 100_000_000,
                rdma_received=None, rdma_sent=None,
            ),
            tuple(
                GpuFigures(gpu, 90.0 + n % 7, 60.5e9, 80e9, 60.0 + gpu, 600.0 + node)
                for gpu in range(gpus)
            ),
        )
        for n in range(reports)
        for node in range(nodes)
    ]  # fmt: skip

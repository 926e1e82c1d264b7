"""Whether the network or the GPUs decide how long a step takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dsk.checks.facts import Facts, JobFacts, StepNeed
from dsk.checks.model import Finding
from dsk.checks.network.communication import judge, peak_of
from dsk.survey.server import ServerFacts
from dsk.survey.values import Clock, Gpu
from dsk.text import Text
from dsk.wire.measure import Speed
from tests.unit.checks.test_memory import CLUSTER

GIB = 1 << 30
GIGABIT = 1e9
Z3 = StepNeed(
    sent=42e9,
    operations=4e15,
    others={"none": (56e9, 100 * GIB), "z2": (21e9, 60 * GIB), "z3": (42e9, 30 * GIB)},
)


def facts(need: StepNeed | None, gigabit: float, gpu: str = "NVIDIA H100 80GB HBM3") -> Facts:
    gpus = tuple(Gpu(i, "", gpu, 80 * GIB, 0) for i in range(2))
    server = ServerFacts(Clock(0, 0), gpus=gpus)
    speeds = (
        Speed(node=0, peer=1, rate=gigabit * GIGABIT),
        Speed(node=1, peer=0, rate=2 * gigabit * GIGABIT),
    )
    return Facts(CLUSTER, servers={0: server, 1: server}, network=speeds, job=JobFacts(step=need))


def one(found: Facts) -> Finding:
    (finding,) = judge(found)
    return finding


def test_a_slow_network_and_the_preset_that_sends_less() -> None:
    found = one(facts(Z3, 10))
    assert found.state == "warning"
    assert found.text.in_language("en") == (
        "an optimizer step sends 42 GB through each node: 33.6 s at 10.0 Gbit/s, while its GPUs "
        "compute for about 10.1 s"
    )
    assert found.fix is not None
    assert found.fix.in_language("en") == "deepspeed=z2 sends 21 GB: 16.8 s"


def test_a_fast_network() -> None:
    assert one(facts(Z3, 100)).state == "ok"


def test_a_preset_that_does_not_fit_is_not_named() -> None:
    need = replace(Z3, others={"z2": (21e9, 90 * GIB), "z3": (42e9, 30 * GIB)})
    found = one(facts(need, 10))
    assert found.fix is not None
    assert found.fix.in_language("en").startswith("raise gradient_accumulation_steps")


def test_plain_data_parallel() -> None:
    need = replace(Z3, others={"none": (5e9, 60 * GIB), "z2": (21e9, 60 * GIB)})
    found = one(facts(need, 10))
    assert found.fix is not None
    assert found.fix.in_language("en").startswith("leave deepspeed out")


@pytest.mark.parametrize("need", [None, StepNeed(problem=Text("stage: dpo"))])
def test_nothing_to_estimate(need: StepNeed | None) -> None:
    assert one(facts(need, 10)).state == "skipped"


def test_an_unknown_gpu() -> None:
    found = one(facts(Z3, 10, gpu="NVIDIA Q9000"))
    assert found.state == "skipped"
    assert "NVIDIA Q9000" in found.text.in_language("en")


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H20", 148),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA L40S", 362),
        ("NVIDIA GeForce RTX 4090", 165),
        ("Tesla V100-SXM2-32GB", 125),
        ("NVIDIA B300", None),
    ],
)
def test_names(name: str, peak: float | None) -> None:
    assert peak_of(name) == peak

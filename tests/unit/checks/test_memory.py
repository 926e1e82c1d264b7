from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dsk.checks.facts import Facts, GpuNeed, JobFacts
from dsk.checks.memory import judge
from dsk.cluster.parse import parse
from dsk.survey.server import ServerFacts
from dsk.survey.values import Clock, Gpu
from dsk.text import Text

GIB = 1 << 30
CLUSTER = parse(
    "name: a\nimage: dsk:cu128\nworkspace: /workspace\nnodes:\n"
    "  - {host: 10.0.0.1, slots: 2}\n  - {host: 10.0.0.2, slots: 2}\n",
    Path("/tmp/dsk.yaml"),
)


def server(*gibs: float) -> ServerFacts:
    gpus = tuple(Gpu(i, "", "H100", int(gib * GIB), 0) for i, gib in enumerate(gibs))
    return ServerFacts(Clock(0, 0), gpus=gpus)


def facts(need: GpuNeed | None, *servers: ServerFacts) -> Facts:
    return Facts(CLUSTER, servers=dict(enumerate(servers)), job=JobFacts(gpu=need))


@pytest.mark.parametrize(
    ("peak", "state"), [(60, "ok"), (75, "warning"), (78.5, "warning"), (79.5, "failed")]
)
def test_the_estimate_against_each_nodes_smallest_gpu(peak: float, state: str) -> None:
    need = GpuNeed(int(peak * GIB), "step")
    found = list(judge(facts(need, server(80, 80), server(80, 80, 1))))
    assert [(finding.node, finding.state) for finding in found] == [(0, state), (1, state)]
    first, second = judge(facts(need, server(80, 40), server(200, 200)))
    assert (first.state, second.state) == ("failed", "ok")


def test_the_fix_fits_the_moment() -> None:
    def fix(when: str) -> str:
        (found,) = judge(facts(GpuNeed(90 * GIB, when), server(80, 80)))
        assert found.fix
        assert "80.0 GiB" in found.text.in_language("zh")
        return found.fix.in_language("en")

    assert "z3" in fix("step")
    assert "per_device_train_batch_size" in fix("loss")


def test_what_cannot_be_judged_is_skipped_with_the_reason() -> None:
    def only(facts: Facts) -> str:
        (found,) = judge(facts)
        assert found.state == "skipped"
        return found.text.in_language("en")

    known = facts(GpuNeed(GIB, "step"), server())
    assert "not known" in only(known)
    assert "mamba" in only(
        replace(known, job=JobFacts(gpu=GpuNeed(problem=Text("model_type mamba"))))
    )
    assert "CPU" in only(replace(known, job=JobFacts()))
    assert "no recipe" in only(replace(known, job=None))

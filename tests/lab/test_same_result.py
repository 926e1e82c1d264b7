"""Two hosts, `dsk launch`: every DeepSpeed preset trains as one host does without DeepSpeed.

The cases are those of tests/image/test_same_result.py, which has all splits, LoRA and one machine.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable

import pytest
from tests.lab.cluster import MODEL, Cluster
from tests.training.equivalence import BY_KIND, RECIPE, SPLITS, Case, Curve, problems

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1200)]

TWO_HOSTS = (1, 2, 2)
assert TWO_HOSTS in SPLITS


@pytest.fixture(scope="module")
def train(cluster: Cluster) -> Callable[[Case], Curve]:
    @functools.cache
    def run(case: Case) -> Curve:
        output = f"outputs/same-{case.name}"
        path = cluster.train(
            f"{case.name}.yaml",
            **RECIPE,
            **BY_KIND[case.kind],
            model_name_or_path=f"{cluster.workspace}/{MODEL}",
            finetuning_type=case.kind,
            per_device_train_batch_size=case.batch,
            gradient_accumulation_steps=case.accumulation,
            bf16=case.precision == "bf16",
            deepspeed=None if case.preset == "none" else case.preset,
            output_dir=output,
            lora_target=None,
        )
        alone = ["--include", "node0"] if case.ranks == 1 else []
        cluster.dsk("launch", path, *alone, timeout=600)
        state = cluster.in_worker(0, "cat", f"{cluster.workspace}/{output}/trainer_state.json")
        steps = [entry for entry in json.loads(state)["log_history"] if "loss" in entry]
        return Curve(
            loss=[step["loss"] for step in steps],
            grad_norm=[step.get("grad_norm") for step in steps],
        )

    return run


@pytest.mark.parametrize(
    ("preset", "precision"),
    [
        *(("z0", "bf16"), ("z3", "bf16")),
        *(
            pytest.param(preset, precision, marks=pytest.mark.full)
            for preset in ("none", "z0", "z2", "z2_offload", "z3", "z3_offload")
            for precision in ("bf16", "fp32")
            if (preset, precision) not in (("z0", "bf16"), ("z3", "bf16"))
        ),
    ],
)
def test_two_hosts_train_as_one_without_deepspeed(
    train: Callable[[Case], Curve], preset: str, precision: str
) -> None:
    case = Case(preset, "full", precision, *TWO_HOSTS)
    assert problems({each: train(each) for each in (case.reference, case)}) == {}

"""Two servers, a rank on each, `dsk launch`: every preset computes what one GPU does without it.

LoRA and the other splits are compared on one server: test_same_result.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.gpu import clusters
from tests.image.servers import FOLDER, MODEL, Servers, set_up
from tests.training.equivalence import (
    BY_KIND,
    PRECISIONS,
    RECIPE,
    SPLITS,
    Case,
    Curve,
    cases,
    difference,
    problems,
)

pytestmark = pytest.mark.timeout(1800)

TWO_HOSTS = (1, 2, 2)
assert TWO_HOSTS in SPLITS


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with clusters.running(tmp_path_factory.mktemp("servers"), clusters.two_servers()) as made:
        set_up(made, [1, 1], RECIPE)
        yield made


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_preset_trains_the_same(servers: Servers, figures: list[str], precision: str) -> None:
    chosen = cases(kinds=["full"], precisions=[precision], splits=[TWO_HOSTS])
    wanted = dict.fromkeys([*(case.reference for case in chosen), *chosen])
    curves = {case: trained(servers, case) for case in wanted}
    figures.extend(
        f"two servers, {case.name}: {difference(curves[case], curves[case.reference])}"
        for case in chosen
    )
    assert problems(curves) == {}


def trained(servers: Servers, case: Case, **keys: Any) -> Curve:
    output = f"outputs/{case.name}"
    recipe = {
        **RECIPE,
        **BY_KIND[case.kind],
        "model_name_or_path": MODEL,
        "finetuning_type": case.kind,
        "per_device_train_batch_size": case.batch,
        "gradient_accumulation_steps": case.accumulation,
        "bf16": case.precision == "bf16",
        "output_dir": output,
        **({} if case.preset == "none" else {"deepspeed": case.preset}),
        **keys,
    }
    servers.write(f"{FOLDER}/{case.name}.yaml", json.dumps(recipe))
    alone = ["--include", "node0"] if case.ranks == 1 else []
    servers.dsk("launch", f"{case.name}.yaml", *alone)
    state = json.loads(servers.exec(0, "cat", f"/workspace/{output}/trainer_state.json").stdout)
    steps = [entry for entry in state["log_history"] if "loss" in entry]
    return Curve(
        loss=[step["loss"] for step in steps], grad_norm=[step.get("grad_norm") for step in steps]
    )

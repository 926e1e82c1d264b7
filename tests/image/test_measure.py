"""What `dsk tune` measures in a rank: every stage, with the longest samples first."""

from __future__ import annotations

from typing import Any

import pytest

from dsk.wire.tuning import WARM_UP, Tuned
from tests.image.engine import Image

pytestmark = pytest.mark.timeout(900)
LIMIT_S = 880
OPTIONS = ("--network=none", "--shm-size=1g")
MICRO, ACCUMULATION = 2, 2
SAMPLES = {"max_samples": 60}
CASES: dict[str, dict[str, Any]] = {
    "full": {"deepspeed": "/opt/llamafactory/examples/deepspeed/ds_z2_config.json"},
    "alpaca": {"dataset": "alpaca_en_demo", "cutoff_len": 1000},
    "lora": {"finetuning_type": "lora", "dataloader_num_workers": 2},
    "no accumulation": {"gradient_accumulation_steps": 1},
    "packing": {"packing": True, "dataset": "alpaca_en_demo", **SAMPLES},
    "pt": {"stage": "pt", "dataset": "c4_demo", **SAMPLES},
    "rm": {"stage": "rm", "dataset": "dpo_en_demo", "finetuning_type": "lora", **SAMPLES},
    "dpo": {"stage": "dpo", "dataset": "dpo_en_demo", "finetuning_type": "lora", **SAMPLES},
    "kto": {"stage": "kto", "dataset": "kto_en_demo", "finetuning_type": "lora", **SAMPLES},
}


@pytest.fixture(scope="module")
def done(image: Image) -> dict[str, Any]:
    answer: dict[str, Any] = image.script("measure.py", CASES, options=OPTIONS, limit_s=LIMIT_S)
    return answer


def result_of(answer: dict[str, Any]) -> Tuned:
    assert answer["exit"] == 0, answer["output"]
    start, found = map(Tuned.from_line, answer["lines"])
    assert start is not None
    assert found is not None
    assert start.steps == 0
    assert start.memory[0].limit == found.memory[0].limit > 0
    return found


@pytest.mark.parametrize("name", CASES)
def test_every_stage_is_measured(done: dict[str, Any], name: str) -> None:
    found = result_of(done[name])
    assert found.steps >= 1
    assert found.batch_s > 0
    assert 0 < found.tokens <= found.longest
    assert found.ran_out == ""
    assert found.memory[0].peak >= found.memory[0].start
    assert done[name]["saved"] == []


@pytest.mark.parametrize("name", ["full", "alpaca", "lora"])
def test_the_first_steps_train_on_the_longest_samples(done: dict[str, Any], name: str) -> None:
    found = result_of(done[name])
    batches = done[name]["trained"]
    assert len(batches) == (WARM_UP + found.steps) * ACCUMULATION
    first = batches[: WARM_UP * ACCUMULATION]
    assert all(batch == first[0] for batch in first)
    assert max(first[0]) == found.longest
    assert max(map(max, batches)) == found.longest


def test_the_longest_of_all_samples_are_found(done: dict[str, Any]) -> None:
    """Of a thousand, by their texts; those that are too long are cut."""
    found = result_of(done["alpaca"])
    assert found.longest == 1000
    assert found.samples > 900
    assert found.tokens < 700


def test_packed_rows_are_counted_as_samples(done: dict[str, Any]) -> None:
    found = result_of(done["packing"])
    assert found.per_row > 1 or found.longest <= 129
    assert result_of(done["full"]).per_row == 1.0


def test_without_accumulation_the_step_is_not_told_apart(done: dict[str, Any]) -> None:
    assert result_of(done["no accumulation"]).step_s == 0.0

"""Bytes that a rank sends for a step, against what was measured on two ranks."""

from __future__ import annotations

import pytest

from dsk.recipe.shape import ModelShape
from dsk.recipe.traffic import alternatives, step

SHAPE = ModelShape.from_config(
    {
        "model_type": "qwen2",
        "hidden_size": 512,
        "intermediate_size": 1024,
        "num_hidden_layers": 4,
        "num_attention_heads": 8,
        "num_key_value_heads": 8,
        "vocab_size": 260,
    }
)
MEASURED = {
    ("none", 1): 4.007, ("none", 3): 4.006,
    ("z0", 1): 2.005, ("z0", 3): 2.005,
    ("z2", 1): 3.004, ("z2", 3): 7.011,
    ("z3", 1): 3.011, ("z3", 3): 9.029,
}  # fmt: skip
"""Bytes a parameter: median of five steps, full training in bf16, by /proc/net/dev of loopback."""


def recipe(preset: str, accumulation: int = 1, **values: object) -> dict[str, object]:
    return {
        "finetuning_type": "full",
        "bf16": True,
        "deepspeed": None if preset == "none" else preset,
        "gradient_accumulation_steps": accumulation,
        "per_device_train_batch_size": 2,
        "cutoff_len": 100,
        **values,
    }


@pytest.mark.parametrize(("preset", "accumulation"), MEASURED)
def test_as_measured(preset: str, accumulation: int) -> None:
    found = step(recipe(preset, accumulation), SHAPE, 2).sent / SHAPE.parameters
    assert found == pytest.approx(MEASURED[preset, accumulation], rel=0.005)


LORA = {
    ("none", 1): 0.104, ("none", 3): 0.104,
    ("z2", 1): 0.078, ("z2", 3): 0.182,
    ("z3", 1): 1.111, ("z3", 3): 3.256,
}  # fmt: skip
"""Rank 8 on all linear layers, else as above."""


@pytest.mark.parametrize(("preset", "accumulation"), LORA)
def test_lora_as_measured(preset: str, accumulation: int) -> None:
    values = recipe(preset, accumulation, finetuning_type="lora")
    found = step(values, SHAPE, 2).sent / SHAPE.parameters
    assert found == pytest.approx(LORA[preset, accumulation], rel=0.035)


def test_more_ranks_send_more_each() -> None:
    two, eight = (step(recipe("z2"), SHAPE, ranks).sent for ranks in (2, 8))
    assert eight / two == pytest.approx((7 / 8) / (1 / 2))


def test_one_rank_sends_nothing() -> None:
    assert step(recipe("z3"), SHAPE, 1).sent == 0


def test_operations() -> None:
    tokens = 2 * 100 * 3
    full = step(recipe("z2", 3), SHAPE, 2).operations
    assert full == 8 * SHAPE.parameters * tokens
    lora = step(
        recipe("z2", 3, finetuning_type="lora", disable_gradient_checkpointing=True), SHAPE, 2
    ).operations
    assert lora == 4 * SHAPE.parameters * tokens


def test_the_alternatives() -> None:
    found = alternatives(recipe("z3_offload", 3), SHAPE, 2)
    assert found["z2"] == step(recipe("z2", 3), SHAPE, 2)
    assert found["none"] == step(recipe("none", 3), SHAPE, 2)
    assert found["z3"].sent == step(recipe("z3_offload", 3), SHAPE, 2).sent

"""The estimate beside what PyTorch's allocator measured (bench/gpu_memory.py, two H100 80GB)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dsk.recipe.memory import Unknown, estimate_for
from dsk.recipe.shape import ModelShape, NoEstimate, UnknownShape

MEASURED = json.loads((Path(__file__).parent / "measured_memory.json").read_text())
RUNS = {run["name"]: run for run in MEASURED["runs"]}
GIB = 1 << 30
QWEN2_1_5B = ModelShape.from_config(MEASURED["models"]["1.5B"])
RECIPE: dict[str, Any] = {
    "finetuning_type": "full",
    "deepspeed": "z2",
    "bf16": True,
    "per_device_train_batch_size": 1,
    "cutoff_len": 1024,
}


@pytest.mark.parametrize("name", RUNS)
def test_the_estimate_is_within_15_percent_of_the_measured_peak(name: str) -> None:
    run = RUNS[name]
    shape = ModelShape.from_config(MEASURED["models"][run["model"]])
    estimate = estimate_for(run["recipe"], shape, world_size=run["ranks"])
    measured = max(run["bytes"]["allocated"], run["bytes"]["start_peak"])
    assert estimate.peak == pytest.approx(measured, rel=0.15)


def test_settings_that_the_constants_were_not_chosen_with_are_among_them() -> None:
    proving = [run for run in RUNS.values() if not run["fitted"]]
    assert len(proving) >= 4
    assert {run["model"] for run in proving} == {"0.5B", "1.5B", "llama"}
    assert {run["ranks"] for run in proving} == {1, 2}


def test_another_card_and_another_day() -> None:
    """One H200, the same model and stage with batches of 1 and 4: 31.7 GiB."""
    assert estimate_for(RECIPE, QWEN2_1_5B, world_size=1).peak == pytest.approx(
        31.7 * GIB, rel=0.15
    )


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        (MEASURED["models"]["0.5B"], 494_032_768),
        (MEASURED["models"]["1.5B"], 1_543_714_304),
        (MEASURED["models"]["llama"], 1_100_048_384),
        (
            {  # Qwen3-0.6B's config.json; as its model card counts: 0.6B, 0.44B without embeddings
                "model_type": "qwen3", "vocab_size": 151936, "hidden_size": 1024,
                "intermediate_size": 3072, "num_hidden_layers": 28, "num_attention_heads": 16,
                "num_key_value_heads": 8, "head_dim": 128, "tie_word_embeddings": True,
            },
            596_049_920,
        ),
    ],
)  # fmt: skip
def test_parameters_are_counted_exactly(config: dict[str, Any], parameters: int) -> None:
    assert ModelShape.from_config(config).parameters == parameters


@pytest.mark.parametrize(
    "config",
    [{"model_type": "mamba"}, {"model_type": "llama"}, {"model_type": "qwen2", "hidden_size": "x"}],
)
def test_what_is_no_known_shape_says_so(config: dict[str, Any]) -> None:
    with pytest.raises(UnknownShape):
        ModelShape.from_config(config)


@pytest.mark.parametrize(
    "change",
    [
        {"finetuning_type": "freeze"},
        {"stage": "dpo"},
        {"quantization_bit": 8},
        {"deepspeed": "/workspace/own.json"},
        {"bf16": False},
        {"cutoff_len": "1024"},
    ],
)
def test_what_is_not_modelled_says_so(change: dict[str, Any]) -> None:
    with pytest.raises(Unknown):
        estimate_for({**RECIPE, **change}, QWEN2_1_5B, world_size=1)


@pytest.mark.parametrize(
    ("change", "config", "said", "chinese"),
    [
        ({}, {"model_type": "mamba"}, "model_type mamba: known are llama, ", "已知的有 llama"),
        ({}, {"model_type": "llama"}, "num_attention_heads: None is not a size", "不是有效的大小"),
        ({"bf16": False}, None, "neither bf16 nor fp16, or pure_bf16", "既没有"),
        ({"stage": "dpo"}, None, "stage: dpo", "stage: dpo"),
    ],
)
def test_why_there_is_no_estimate(
    change: dict[str, Any], config: dict[str, Any] | None, said: str, chinese: str
) -> None:
    with pytest.raises(NoEstimate) as raised:
        shape = ModelShape.from_config(config) if config else QWEN2_1_5B
        estimate_for({**RECIPE, **change}, shape, world_size=1)
    assert str(raised.value).startswith(said)
    assert chinese in raised.value.text.in_language("zh")


def test_what_lowers_the_peak() -> None:
    def peak(world_size: int = 8, **change: Any) -> int:
        return estimate_for({**RECIPE, **change}, QWEN2_1_5B, world_size=world_size).peak

    assert peak() < peak(world_size=1)
    assert peak(deepspeed="z3_offload") < peak(deepspeed="z3") < peak(deepspeed="z2")
    assert peak(deepspeed="z2") < peak(deepspeed="z0")
    assert peak(finetuning_type="lora") < peak()
    assert peak(disable_gradient_checkpointing=True, cutoff_len=8192) > peak(cutoff_len=8192)


def test_the_users_own_deepspeed_settings_are_read() -> None:
    own = {"zero_optimization": {"stage": 3, "offload_param": {"device": "cpu"},
                                 "offload_optimizer": {"device": "none"}}}  # fmt: skip
    with_offload = estimate_for({**RECIPE, "deepspeed": own}, QWEN2_1_5B, world_size=1)
    assert with_offload.weights == 0
    assert with_offload.optimizer > 0


@pytest.mark.parametrize(
    "changed",
    [
        *({key: True} for key in ("use_badam", "use_galore", "use_apollo", "use_adam_mini")),
        *({key: True} for key in ("use_muon", "enable_liger_kernel", "use_unsloth", "fp8")),
        *({"optim": name} for name in ("paged_adamw_8bit", "adafactor", "sgd", "lion_32bit")),
        *({"additional_target": "embed_tokens"}, {"mixture_of_depths": "convert"}),
        *({"fsdp": ["full_shard"]}, {"quantization_bit": 4, "quantization_method": "hqq"}),
        *({"deepspeed": {"zero_optimization": {"stage": stage}}} for stage in ("auto", "2", 4)),
        *({"deepspeed": {"zero_optimization": "auto"}}, {"deepspeed": '{"zero_optimization": 2}'}),
        {"deepspeed": {"optimizer": {"type": "OneBitAdam"}}},
    ],
)
def test_what_is_not_modelled_is_unknown(changed: dict[str, Any]) -> None:
    with pytest.raises(Unknown):
        estimate_for({**RECIPE, **changed}, QWEN2_1_5B, world_size=1)


@pytest.mark.parametrize(
    "changed",
    [
        {"optim": "adamw_torch_fused", "use_galore": False, "enable_liger_kernel": None},
        {"deepspeed": {"zero_optimization": {"stage": 2}}},
    ],
)
def test_what_is_the_same_is_estimated(changed: dict[str, Any]) -> None:
    expected = estimate_for(RECIPE, QWEN2_1_5B, world_size=1)
    assert estimate_for({**RECIPE, **changed}, QWEN2_1_5B, world_size=1) == expected


def test_no_zero_is_stage_0() -> None:
    for value in ({"zero_optimization": None}, {}, {"zero_optimization": {"stage": 0}}):
        found = estimate_for({**RECIPE, "deepspeed": value}, QWEN2_1_5B, world_size=1)
        assert found == estimate_for({**RECIPE, "deepspeed": "z0"}, QWEN2_1_5B, world_size=1)

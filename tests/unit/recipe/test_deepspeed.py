"""A DeepSpeed configuration of the user's own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dsk.errors import UserError

from .conftest import Run, english

FILE = "/workspace/ds.json"
GOOD = {
    "train_batch_size": "auto",
    "train_micro_batch_size_per_gpu": "auto",
    "gradient_accumulation_steps": "auto",
    "gradient_clipping": "auto",
    "bf16": {"enabled": "auto"},
    "zero_optimization": {"stage": 2, "reduce_bucket_size": 5e8},
}
BATCH = ["per_device_train_batch_size=2", "gradient_accumulation_steps=4"]  # on 8 ranks


def told(run: Run, config: dict[str, Any], *words: str) -> UserError | None:
    """By a file, as text, and as a mapping: the same, but for the name."""
    text = json.dumps(config)
    errors: list[UserError | None] = []
    for value, name in ((FILE, "ds.json"), (text, "deepspeed"), (f"'{text}'", "deepspeed")):
        try:
            run(f"deepspeed: {value}\n", *BATCH, *words, present=[FILE], read={FILE: text}.get)
            errors.append(None)
        except UserError as error:
            assert error.where == "train.yaml:5"
            assert f"in {name}, " in error.message
            errors.append(error)
    assert len({error and error.message.partition(", ")[2] for error in errors}) == 1
    return errors[0]


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"train_batch_size": 64, "train_micro_batch_size_per_gpu": 2},
        {"zero_optimization": None},
        {"zero_optimization": {}},
        {"bf16": {"enabled": False}, "fp16": {"enabled": False}},
        {"gradient_clipping": 1.0, "optimizer": {"params": {"lr": 5e-5, "eps": "auto"}}},
    ],
)
def test_what_fits(run: Run, changed: dict[str, Any]) -> None:
    assert told(run, {**GOOD, **changed}) is None


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"train_batch_size": 32}, "train_batch_size is 32; train.yaml makes it 64"),
        ({"train_micro_batch_size_per_gpu": 1}, "per_gpu is 1; train.yaml makes it 2"),
        ({"gradient_accumulation_steps": 1}, "steps is 1; train.yaml makes it 4"),
        ({"train_batch_size": "64"}, "train_batch_size is '64'; a number, without quotes"),
        ({"zero_optimization": {"stage": "2"}}, "stage is '2'; a number"),
        ({"zero_optimization": {"stage": 4}}, "stage is 4; 0, 1, 2 or 3"),
        ({"zero_optimization": 2}, "zero_optimization is 2; a mapping"),
        ({"bf16": {"enabled": True}}, "bf16.enabled is true; train.yaml makes it false"),
        ({"bf16": {"enabled": "true"}}, "bf16.enabled is 'true'; true or false"),
        ({"gradient_clipping": 0.5}, "gradient_clipping is 0.5; train.yaml makes it 1.0"),
        ({"optimizer": {"params": {"lr": 1e-3}}}, "lr is 0.001; train.yaml makes it 5e-05"),
    ],
)
def test_what_the_ranks_would_refuse(run: Run, changed: dict[str, Any], says: str) -> None:
    error = told(run, {**GOOD, **changed})
    assert error and says in error.message
    assert "auto" in str(error.fix)


def test_a_value_of_train_yaml_counts(run: Run) -> None:
    config = {**GOOD, "optimizer": {"params": {"lr": 1e-3}}, "bf16": {"enabled": True}}
    assert told(run, config, "learning_rate=1e-3", "bf16=true") is None


@pytest.mark.parametrize(
    ("text", "line", "fix"),
    [
        ('{\n  "a": 1, // a comment\n}', 2, "delete the comment"),
        ('{\n  # a comment\n  "a": 1}', 2, "delete the comment"),
        ('{"a": 1,\n}', 2, "correct that line"),
        ("", 1, "correct that line"),
    ],
)
def test_a_file_that_is_no_json(run: Run, text: str, line: int, fix: str) -> None:
    with pytest.raises(UserError, match="is not JSON") as caught:
        run(f"deepspeed: {FILE}\n", present=[FILE], read={FILE: text}.get)
    assert caught.value.where == f"{FILE}:{line}"
    assert fix in str(caught.value.fix)


def test_what_nobody_can_read_is_left_unchecked(run: Run) -> None:
    recipe = run(f"deepspeed: {FILE}\n")
    assert f"deepspeed: what {FILE} says" in english(recipe.unchecked)
    with pytest.raises(UserError, match="holds no keys"):
        run(f"deepspeed: {FILE}\n", present=[FILE], read={FILE: "[]"}.get)

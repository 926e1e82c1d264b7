"""A training file with other values keeps all else."""

from __future__ import annotations

import json

import pytest
import yaml

from dsk.errors import UserError
from dsk.tune.yamledit import Edit, edit, edits, of_overrides

TEXT = """\
### model
model_name_or_path: /workspace/models/m  # local

# batch: found by trial and error
per_device_train_batch_size: 1   # more does not fit?
gradient_accumulation_steps: "2"
deepspeed: z2
lora_target: [q_proj,
  v_proj]
"""


def test_values_are_replaced_and_comments_kept() -> None:
    changes = edits(
        {"per_device_train_batch_size": 16, "deepspeed": None, "flash_attn": "fa2"},
        {"per_device_train_batch_size": 1, "deepspeed": "z2"},
    )
    new = edit(TEXT, changes, "train.yaml")
    assert new == TEXT.replace(
        "_size: 1   # more does not fit?", "_size: 16   # more does not fit?  # dsk tune: was 1"
    ).replace("deepspeed: z2", "deepspeed: null  # dsk tune: was z2") + (
        'flash_attn: "fa2"  # dsk tune: was not set\n'
    )
    assert yaml.safe_load(new)["deepspeed"] is None


def test_without_a_newline_at_the_end_and_with_windows_line_ends() -> None:
    new = edit("a: 1\r\nb: 2", [Edit("a", "3", "x"), Edit("c", "4", "y")], "train.yaml")
    assert new == "a: 3  # x\r\nb: 2\nc: 4  # y\n"


def test_a_key_without_a_value() -> None:
    new = edit("deepspeed:\na: 1\n", [Edit("deepspeed", '"z3"', "n")], "train.yaml")
    assert yaml.safe_load(new) == {"deepspeed": "z3", "a": 1}


@pytest.mark.parametrize("text", ['{"a": 1,\n "b": "x"}\n', "{a: 1, b: x,}", '{"a": 1}'])
def test_json_and_flow_style(text: str) -> None:
    new = edit(text, [Edit("a", "7", "n"), Edit("deepspeed", '"z3"', "n")], "train.json")
    expected = {**yaml.safe_load(text), "a": 7, "deepspeed": "z3"}
    assert yaml.safe_load(new) == expected
    if '"a"' in text:
        assert json.loads(new) == expected


def test_the_last_of_several_changes_counts() -> None:
    assert edit("a: 1\n", [Edit("a", "2", "x"), Edit("a", "3", "y")], "t") == "a: 3  # y\n"


@pytest.mark.parametrize("text", ["a: |\n  x\n", "a:\n  b: 1\n", "a: &x 1\nb: *x\n"])
def test_what_cannot_be_replaced_is_an_error(text: str) -> None:
    with pytest.raises(UserError, match="cannot be replaced"):
        edit(text, [Edit("a", "2", "n")], "train.yaml")


def test_overrides_are_written_too() -> None:
    (change,) = of_overrides(["cutoff_len=512"])
    assert edit("a: 1\n", [change], "t").endswith(
        "cutoff_len: 512  # dsk tune: from the command line\n"
    )
    with pytest.raises(UserError, match="part of a key"):
        of_overrides(["deepspeed.zero.stage=2"])

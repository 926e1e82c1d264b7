"""Values against the declared types of the stacks' LLaMA-Factory.

What LLaMA-Factory itself takes is compared in the image, tests/image/test_types.py.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from dsk.errors import UserError
from dsk.recipe import KnownKeys, resolve
from dsk.recipe.model import Recipe, TrainFile
from dsk.recipe.types import ANYTHING, accepted

from .conftest import MINIMAL, SITE, changed

STACKS = sorted(Path(__file__).parents[3].glob("stacks/*/recipe-keys.json"))


def run(extra: str, *overrides: str, stack: Path = STACKS[0]) -> Recipe:
    known = KnownKeys.from_json(stack.read_text(), where=str(stack))
    file = PurePosixPath("/home/me/train.yaml")
    return resolve(TrainFile(file, file.name, MINIMAL + extra), overrides, SITE, known)


@pytest.mark.parametrize("stack", STACKS, ids=lambda file: file.parent.name)
def test_every_declared_type_is_understood(stack: Path) -> None:
    known = KnownKeys.from_json(stack.read_text(), where=str(stack))
    for declared in set(known.keys.values()):
        found = accepted(declared)
        assert found.kinds or found.choices, declared
        assert ANYTHING not in found.kinds, declared


@pytest.mark.parametrize("stack", STACKS, ids=lambda file: file.parent.name)
@pytest.mark.parametrize(
    ("line", "message", "fix"),
    [
        ("save_strategy: no", "save_strategy: false is a boolean; text is expected", "'no'"),
        ("eval_strategy: off", "eval_strategy: false is a boolean", "eval_strategy: 'off'"),
        ("learning_rate: '1e-4'", "learning_rate: '1e-4' is text; a number", "learning_rate: 1e-4"),
        ("learning_rate: fast", "learning_rate: 'fast' is text; a number", "a number"),
        ("max_steps: 2.5", "max_steps: 2.5 is a number; a whole number", "a whole number"),
        ("stage: foo", "stage: 'foo' is text; 'pt' or 'sft' or 'rm'", "'pt'"),
        ("bf16: 'false'", "bf16: 'false' is text; true or false", "any text as true"),
        ("template: [qwen]", "template: ['qwen'] is a list; text", "write text"),
        ("label_names: x", "label_names: 'x' is text; a list", "write a list"),
        ("hf_hub_token: [secret]", "hf_hub_token: *** is a list", "text"),
    ],
)
def test_a_wrong_type_names_key_value_type_and_line(
    stack: Path, line: str, message: str, fix: str
) -> None:
    with pytest.raises(UserError) as caught:
        run(line + "\n", stack=stack)
    assert caught.value.where == "train.yaml:5"
    assert message in caught.value.message.replace("'***'", "***")
    assert fix in str(caught.value.fix)
    key, _, value = line.partition(": ")
    with pytest.raises(UserError) as caught:
        run("", f"{key}={value}", stack=stack)
    assert str(caught.value.where).startswith(f"override '{key}=")


@pytest.mark.parametrize(
    ("line", "before", "after"),
    [
        ("do_eval: 1", 1, True),
        ("bf16: 'True'", "True", True),
        ("max_steps: 1e3", 1000.0, 1000),
        ("run_name: 2024", 2024, "2024"),
        ("run_name: 007", 7, "007"),
        ("model_revision: 1.10", 1.1, "1.10"),
    ],
)
def test_what_is_meant_is_taken_and_said(line: str, before: object, after: object) -> None:
    key = line.partition(":")[0]
    for recipe in (run(line + "\n"), run("", line.replace(": ", "="))):
        assert changed(recipe)[key] == (before, after)
        assert type(recipe.values[key]) is type(after)


def test_do_train_may_be_a_number() -> None:
    assert run("", "do_train=1").values["do_train"] is True


@pytest.mark.parametrize(
    "line",
    [
        *("fsdp: true", "resume_from_checkpoint: true", "deepspeed: false", "lora_target: [q, v]"),
        *("save_steps: 0.1", "save_steps: 500", "report_to: [wandb]", "packing: null"),
        *("lr_scheduler_kwargs: {a: 1}", "dataset: [identity]", "hf_hub_token: true"),
        *("warmup_ratio: 0", "mix_strategy: concat", "flash_attn: fa2", "report_to: null"),
    ],
)
def test_what_is_accepted_stays(line: str) -> None:
    key = line.partition(":")[0]
    text = MINIMAL if key != "dataset" else MINIMAL.replace("dataset: identity\n", "")
    known = KnownKeys.from_json(STACKS[0].read_text(), where="x")
    if key not in known.keys:
        pytest.skip(f"the stack has no {key}")
    file = PurePosixPath("/home/me/train.yaml")
    recipe = resolve(TrainFile(file, file.name, text + line + "\n"), (), SITE, known)
    assert key not in changed(recipe)

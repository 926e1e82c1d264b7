"""What a stack's LLaMA-Factory refuses, said before the start."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from dsk.errors import UserError
from dsk.recipe import KnownKeys, Recipe, TrainFile, resolve
from dsk.recipe.refusals import read_refusals

from .conftest import MINIMAL, SITE, changed, english

STACK = Path(__file__).parents[3] / "stacks/cu128"
REFUSALS = read_refusals((STACK / "refusals.yaml").read_text())
KNOWN = KnownKeys.from_json((STACK / "recipe-keys.json").read_text(), where="x")


def run(*words: str, **site: object) -> Recipe:
    file = PurePosixPath("/home/me/train.yaml")
    source = TrainFile(file, file.name, MINIMAL + "finetuning_type: full\n")
    return resolve(source, words, replace(SITE, **site), KNOWN, REFUSALS)  # type: ignore[arg-type]


def test_every_key_is_known() -> None:
    for refusal in REFUSALS:
        keys = set(refusal.when) - {"ranks", "accelerator", "zero3"}
        assert keys <= set(KNOWN.keys), refusal


@pytest.mark.parametrize(
    ("words", "says", "fix"),
    [
        (["use_adam_mini=true"], "needs the package adam-mini", "do without it"),
        (["use_galore=true", "galore_layerwise=true"], "layer-wise GaLore", "layerwise=false"),
        (["use_galore=true"], "needs the package galore_torch", "do without it"),
        (["use_apollo=true", "deepspeed=z2"], "APOLLO does not train with DeepSpeed", "null"),
        (["use_badam=true"], "BAdam trains with ZeRO-3 only", "deepspeed=z3"),
        (["use_badam=true", "deepspeed=z2"], "BAdam trains with ZeRO-3 only", "deepspeed=z3"),
        (["use_badam=true", "deepspeed=z3"], "needs the package badam", "do without it"),
        (["mixture_of_depths=convert"], "needs the package mixture-of-depth", "do without it"),
        (["report_to=[tensorboard, wandb]"], "needs the package wandb", "do without it"),
        (["pure_bf16=true", "deepspeed=z3"], "pure_bf16 does not train with ZeRO-3", "bf16=true"),
        (
            ["pure_bf16=true", f"deepspeed={json.dumps({'zero_optimization': {'stage': 3}})}"],
            "pure_bf16 does not train with ZeRO-3",
            "bf16=true",
        ),
    ],
)
def test_what_is_refused(words: list[str], says: str, fix: str) -> None:
    with pytest.raises(UserError) as caught:
        run(*words)
    assert says in caught.value.message and fix in str(caught.value.fix)
    assert str(caught.value.where).startswith("override '")


@pytest.mark.parametrize(
    "words",
    [
        *(["use_galore=false"], ["pure_bf16=true"], ["report_to=tensorboard"], ["deepspeed=z3"]),
        # What a file of one's own says is not known here.
        ["pure_bf16=true", "deepspeed=/workspace/mine.json"],
    ],
)
def test_what_is_not(words: list[str]) -> None:
    run(*words)


def test_it_depends_on_the_place() -> None:
    with pytest.raises(UserError, match="pure_bf16 needs a GPU"):
        run("pure_bf16=true", accelerator="cpu")
    with pytest.raises(UserError, match="galore_torch"):
        run("use_galore=true", "galore_layerwise=true", nodes=1, world_size=1)


@pytest.mark.parametrize(
    ("lines", "site", "expected"),
    [
        ("finetuning_type: oft\n", {}, {"ddp_find_unused_parameters": (None, False)}),
        ("finetuning_type: oft\ndeepspeed: z2\n", {}, {}),
        ("finetuning_type: oft\n", {"nodes": 1, "world_size": 1}, {}),
        ("finetuning_type: oft\nddp_find_unused_parameters: true\n", {}, {}),
        ("finetuning_type: oft\ndisable_gradient_checkpointing: true\n", {}, {}),
        ("finetuning_type: full\n", {}, {}),
        ("stage: rm\nfinetuning_type: full\n", {}, {"use_reentrant_gc": (None, False)}),
        ("stage: rm\nfinetuning_type: lora\n", {}, {}),
        ("stage: rm\nfinetuning_type: full\ndeepspeed: z3\n", {}, {}),
    ],
)
def test_what_ddp_needs_without_deepspeed(
    lines: str, site: dict[str, object], expected: dict[str, tuple[object, object]]
) -> None:
    file = PurePosixPath("/home/me/train.yaml")
    source = TrainFile(file, file.name, MINIMAL + lines)
    recipe = resolve(source, (), replace(SITE, **site), KNOWN)  # type: ignore[arg-type]
    keys = ("ddp_find_unused_parameters", "use_reentrant_gc")
    assert {key: pair for key, pair in changed(recipe).items() if key in keys} == expected


@pytest.mark.parametrize(
    ("config", "trained", "says"),
    [
        ({"num_hidden_layers": 32}, 8, None),
        ({"num_hidden_layers": 2}, 8, "2 cannot be divided by 8"),
        ({"n_layer": 12}, 5, "12 cannot be divided by 5"),
        ({"num_hidden_layers": 3}, None, "3 cannot be divided by 2"),
        ({"num_hidden_layers": 4}, 0, "4 cannot be divided by 0"),
        ({}, 8, None),
        (None, 8, None),
    ],
)
def test_llama_pro_needs_layers_that_divide(
    config: dict[str, int] | None, trained: int | None, says: str | None
) -> None:
    file = PurePosixPath("/home/me/train.yaml")
    text = MINIMAL.replace("Qwen/Qwen2-1.5B", "/workspace/m") + "use_llama_pro: true\n"
    text += "" if trained is None else f"freeze_trainable_layers: {trained}\n"
    files = {} if config is None else {"/workspace/m/config.json": json.dumps(config)}
    site = replace(SITE, exists=lambda _: True, read=files.get)
    source = TrainFile(file, file.name, text + "finetuning_type: freeze\n")
    if says is None:
        recipe = resolve(source, (), site, KNOWN, REFUSALS)
        assert any("number of layers" in line for line in english(recipe.unchecked)) is (not config)
        return
    with pytest.raises(UserError) as caught:
        resolve(source, (), site, KNOWN, REFUSALS)
    assert says in caught.value.message
    assert caught.value.where == f"train.yaml:{5 if trained is None else 6}"
    assert "freeze_trainable_layers: 1" in str(caught.value.fix)

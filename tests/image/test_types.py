"""What dsk says of a value's type against LLaMA-Factory's own argument classes, in the image.

dsk may refuse a value only where those classes raise, or keep it in another type than they declare.
What dsk lets pass, as it is or in the type meant, means there what it meant before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import pytest

from dsk.errors import UserError
from dsk.recipe.draft import Draft
from dsk.recipe.keys import KnownKeys
from dsk.recipe.model import Site, TrainFile
from dsk.recipe.parse import parse
from dsk.recipe.types import fit_types
from tests.image.engine import Image

SITE = Site("/workspace", "cpu", nodes=1, world_size=1)
SAMPLES = (
    *("true", "false", "no", "0", "1", "5", "-1", "8.0", "2.5", "1e-4", "null"),
    *("'1e-4'", "'8'", "'true'", "'false'", "word", "''", "[]", "[a, b]", "{a: 1}"),
)
# transformers 4 sets these itself, whatever was given: with one process, with the environment's
# LOCAL_RANK, without a TPU.
SET_BY_TRANSFORMERS = ("average_tokens_across_devices", "local_rank", "tpu_metrics_debug")
WHATEVER = {
    *((key, text) for key in SET_BY_TRANSFORMERS for text in SAMPLES),
    # Its default holds the time.
    ("logging_dir", "null"),
    # Computed from other values, so that what was given is not seen: on CPU there is no pinned
    # memory; nothing at all is twice the rank.
    *(("dataloader_pin_memory", text) for text in SAMPLES),
    *(("lora_alpha", "''"), ("lora_alpha", "[]")),
    # 0 equals the one choice that is no text, False.
    ("trackio_static_space_id", "0"),
}
TAKEN = [
    *(("do_train", "1"), ("do_train", "true"), ("bf16", "'true'"), ("learning_rate", "1e-4")),
    *(("learning_rate", "1"), ("max_steps", "10"), ("max_steps", "1e3"), ("save_steps", "0.1")),
    *(("save_steps", "500"), ("save_steps", "1e3"), ("save_strategy", "'no'")),
    *(("save_strategy", "epoch"), ("report_to", "none"), ("report_to", "[wandb]")),
    *(("dataset", "a,b"), ("dataset", "[a, b]"), ("lora_target", "[q_proj]"), ("run_name", "a")),
    *(("fsdp", "true"), ("fsdp", "full_shard"), ("fsdp", "[full_shard]"), ("stage", "dpo")),
    *(
        ("resume_from_checkpoint", "true"),
        ("resume_from_checkpoint", "/w/c"),
        ("warmup_steps", "5"),
    ),
    *(("lr_scheduler_kwargs", "{a: 1}"), ("accelerator_config", "{}"), ("flash_attn", "fa2")),
    *(("packing", "null"), ("quantization_bit", "4"), ("val_size", "0"), ("deepspeed", "false")),
    ("include_for_metrics", "[loss]"),
]
REFUSED = [
    *(("save_strategy", "no"), ("eval_strategy", "off"), ("learning_rate", "'1e-4'")),
    *(("learning_rate", "fast"), ("max_steps", "'10'"), ("max_steps", "2.5"), ("stage", "foo")),
    *(("bf16", "'false'"), ("do_train", "'no'"), ("bf16", "[true]"), ("template", "[a]")),
    *(("report_to", "no"), ("label_names", "labels"), ("lora_rank", "'8'"), ("dataset", "true")),
]


def keys(image: Image) -> KnownKeys:
    text = image.run(["cat", "/etc/dsk/recipe-keys.json"]).stdout
    return KnownKeys.from_json(text, where="recipe-keys.json")


def dsk(known: KnownKeys, key: str, text: str) -> tuple[object, object]:
    """The value as read, and as dsk passes it on. Raises UserError."""
    source = TrainFile(PurePosixPath("/w/train.yaml"), "train.yaml", f"{key}: {text}\n")
    draft = Draft(parse(source, (), known), source, SITE)
    before = draft.values[key]
    fit_types(draft, known)
    return before, draft.values[key]


def ask(image: Image, cases: Sequence[tuple[str, object]]) -> list[dict[str, Any]]:
    done = image.script("types.py", {"cases": cases}, options=["--network=none"], limit_s=500)
    answers: list[dict[str, Any]] = done
    return answers


@pytest.mark.timeout(600)
def test_every_key_with_values_of_every_type(image: Image) -> None:
    known = keys(image)
    pairs = [(key, text) for key in known.keys for text in SAMPLES if (key, text) not in WHATEVER]
    before: list[tuple[str, object]] = []
    after: list[tuple[str, object]] = []
    refused: list[str | None] = []
    for key, text in pairs:
        try:
            one, other = dsk(known, key, text)
            refused.append(None)
        except UserError as error:
            one = other = read(known, key, text)
            refused.append(error.message)
        before.append((key, one))
        after.append((key, other))
    answers = ask(image, [*before, *after])
    theirs, ours = answers[: len(pairs)], answers[len(pairs) :]
    wrong = []
    for (key, text), why, original, passed in zip(pairs, refused, theirs, ours, strict=True):
        if why is not None and original.get("declared"):
            wrong.append(f"{key}: {text}: refused ({why}), and they take it: {original}")
        if why is None and "error" in passed and original.get("declared"):
            wrong.append(f"{key}: {text}: they take it, and no more as dsk passes it: {passed}")
        if why is None and not same(original, passed):
            wrong.append(f"{key}: {text}: means {original['value']}, now {passed['value']}")
    assert not wrong, "\n".join(wrong)
    assert sum(why is not None for why in refused) > len(known.keys)


def same(original: dict[str, Any], passed: dict[str, Any]) -> bool:
    """Any text counts as true. What is kept in another type than declared has no other meaning."""
    if "value" not in original or "value" not in passed:
        return True
    if isinstance(passed["value"], bool):
        return bool(original["value"]) == passed["value"]
    return bool(original["value"] == passed["value"] or not original["declared"])


def read(known: KnownKeys, key: str, text: str) -> object:
    source = TrainFile(PurePosixPath("/w/train.yaml"), "train.yaml", f"{key}: {text}\n")
    return parse(source, (), known).values[key]


@pytest.mark.timeout(120)
def test_the_table(image: Image) -> None:
    known = keys(image)
    passed = [(key, dsk(known, key, text)[1]) for key, text in TAKEN]
    for (key, value), answer in zip(passed, ask(image, passed), strict=True):
        assert "error" not in answer, (key, value, answer)
    for key, text in REFUSED:
        with pytest.raises(UserError) as caught:
            dsk(known, key, text)
        assert caught.value.where == "train.yaml:1"
        assert key in caught.value.message and "is expected" in caught.value.message
        assert caught.value.fix
    answers = ask(image, [(key, read(known, key, text)) for key, text in REFUSED])
    kept = [json.dumps(pair) for pair, a in zip(REFUSED, answers, strict=True) if a.get("declared")]
    assert kept == []

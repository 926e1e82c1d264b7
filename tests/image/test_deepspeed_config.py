"""What dsk says of a DeepSpeed configuration against what transformers in the image says."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any

import pytest

from dsk.errors import UserError
from dsk.recipe.deepspeed import judge_deepspeed
from dsk.recipe.draft import Draft
from dsk.recipe.model import Site, TrainFile
from dsk.recipe.parse import Parsed
from tests.image.engine import Image

PATH = "/workspace/ds.json"
GIVEN: tuple[dict[str, Any], ...] = (
    {},
    {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 4, "learning_rate": 1e-3},
    {"bf16": True, "max_grad_norm": 0.5, "weight_decay": 0.1, "adam_epsilon": 1e-6},
)
CONFIGS: tuple[dict[str, Any], ...] = (
    {},
    {"train_batch_size": "auto", "bf16": {"enabled": "auto"}, "gradient_clipping": "auto"},
    {"train_batch_size": 8},
    {"train_micro_batch_size_per_gpu": 2},
    {"gradient_accumulation_steps": 4},
    {"gradient_accumulation_steps": 1},
    {"gradient_clipping": 1.0},
    {"gradient_clipping": 0.5},
    {"bf16": {"enabled": True}},
    {"bf16": {"enabled": False}, "fp16": {"enabled": False}},
    {"fp16": {"enabled": True}},
    {"optimizer": {"type": "AdamW", "params": {"lr": 1e-3}}},
    {"optimizer": {"type": "AdamW", "params": {"lr": "auto", "weight_decay": 0.1}}},
    {"optimizer": {"type": "AdamW", "params": {"eps": 1e-6}}},
    {"scheduler": {"type": "WarmupLR", "params": {"warmup_max_lr": 1e-3}}},
    {"zero_optimization": {"stage": 2}},
    {"zero_optimization": None},
)
BROKEN = ('{"a": 1, // comment\n}', "# comment\n{}", '{"a": 1,}', "")


def dsk(text: str, given: dict[str, Any]) -> str | None:
    values = {"deepspeed": PATH, **given}
    source = TrainFile(PurePosixPath("/h/train.yaml"), "train.yaml", "")
    site = Site("/workspace", "cpu", nodes=1, world_size=1, read={PATH: text}.get)
    draft = Draft(Parsed(values, {}, {}, frozenset()), source, site)
    try:
        judge_deepspeed(draft)
    except UserError as error:
        return error.message
    return None


@pytest.mark.timeout(300)
def test_what_transformers_refuses_and_nothing_else(image: Image) -> None:
    cases = [(json.dumps(config), given) for config in CONFIGS for given in GIVEN]
    cases += [(text, {}) for text in BROKEN]
    answers = image.script(
        "deepspeed_config.py", {"cases": cases}, options=["--network=none"], limit_s=280
    )
    for (text, given), answer in zip(cases, answers, strict=True):
        assert bool(answer) == bool(dsk(text, given)), (text, given, answer, dsk(text, given))
    assert 10 < sum(answer is not None for answer in answers) < len(cases) - 10

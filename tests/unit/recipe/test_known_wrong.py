"""A recipe that the image is known to train wrongly is refused, by name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from dsk.errors import UserError
from dsk.recipe import KnownWrong, Recipe, Site, TrainFile, resolve
from dsk.text import Text
from tests.unit.recipe.conftest import KNOWN, MINIMAL, SITE, english

SOURCE = "https://example.org/7967"
WRONG = KnownWrong(
    "offload",
    presets=("z2_offload",),
    precisions=("bf16",),
    min_accumulation=3,
    before_revision=2,
    problem=Text("drops micro-batches"),
    fix=Text("use z2"),
    source=SOURCE,
)
OFFLOAD = {"zero_optimization": {"stage": 2, "offload_optimizer": {"device": "cpu"}}}


def run(extra: str, site: Site = SITE) -> Recipe:
    source = TrainFile(PurePosixPath("/home/me/train.yaml"), "train.yaml", MINIMAL + extra)
    return resolve(source, (), site, replace(KNOWN, wrong=(WRONG,)))


@pytest.mark.parametrize(
    "deepspeed",
    [
        "z2_offload",
        "examples/deepspeed/ds_z2_offload_config.json",
        json.dumps(OFFLOAD),
        f"'{json.dumps(OFFLOAD)}'",
    ],
)
def test_it_is_refused_however_it_is_written(deepspeed: str) -> None:
    text = f"bf16: true\ngradient_accumulation_steps: 4\ndeepspeed: {deepspeed}\n"
    with pytest.raises(UserError) as raised:
        run(text)
    assert "drops micro-batches" in str(raised.value) and SOURCE in str(raised.value)
    assert raised.value.where == "train.yaml:7"
    assert raised.value.remedy is not None
    assert raised.value.remedy.in_language("en") == "use z2"


@pytest.mark.parametrize(
    "text",
    [
        "bf16: true\ngradient_accumulation_steps: 2\ndeepspeed: z2_offload\n",
        "bf16: true\ndeepspeed: z2_offload\n",
        "gradient_accumulation_steps: 4\ndeepspeed: z2_offload\n",
        "bf16: true\ngradient_accumulation_steps: 4\ndeepspeed: z2\n",
        "bf16: true\ngradient_accumulation_steps: 4\n",
        "bf16: true\ngradient_accumulation_steps: 4\n"
        'deepspeed: {"zero_optimization": {"stage": 2}}\n',
    ],
)
def test_what_is_near_it_is_not(text: str) -> None:
    assert not any("trains wrongly" in notice for notice in english(run(text).notices))


def test_a_file_of_the_users_own_gets_a_notice() -> None:
    text = "bf16: true\ngradient_accumulation_steps: 4\ndeepspeed: /workspace/mine.json\n"
    assert any("z2_offload" in notice for notice in english(run(text).notices))


@pytest.mark.parametrize(("stage", "refused"), [(OFFLOAD, True), ({}, False)])
def test_a_file_of_the_users_own_that_can_be_read(stage: dict[str, object], refused: bool) -> None:
    text = "bf16: true\ngradient_accumulation_steps: 4\ndeepspeed: /workspace/mine.json\n"
    site = replace(SITE, exists=lambda _: True, read=lambda _: json.dumps(stage))
    if refused:
        with pytest.raises(UserError, match="drops micro-batches"):
            run(text, site=site)
    else:
        assert not any("z2_offload" in notice for notice in english(run(text, site=site).notices))


@pytest.mark.parametrize(
    ("before", "revision", "holds"), [(2, 1, True), (2, 2, False), (None, 9, True)]
)
def test_it_holds_for_older_images(before: int | None, revision: int, holds: bool) -> None:
    assert replace(WRONG, before_revision=before).holds_for(revision) is holds

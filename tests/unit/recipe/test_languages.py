"""What is wrong with a recipe becomes a finding of `dsk check`: it exists in both languages."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest

from dsk.errors import UserError
from dsk.recipe import TrainFile, resolve
from tests.unit.recipe.conftest import KNOWN, SITE


@pytest.mark.parametrize(
    "keys",
    [
        "modle: x",
        "a: 1\na: 2",
        "- a",
        "model_name_or_path: ~/m\ndo_train: true\ndataset: identity",
        "model_name_or_path: /elsewhere\ndo_train: true\ndataset: identity",
        "model_name_or_path: a/b\ndo_train: true",
        "model_name_or_path: a/b",
        "model_name_or_path: a/b\ndo_train: true\ndataset: identity\ndeepspeed: z9",
    ],
)
def test_what_is_wrong_with_a_recipe_is_told_in_both(keys: str) -> None:
    with pytest.raises(UserError) as raised:
        resolve(TrainFile(PurePosixPath("/w/train.yaml"), "train.yaml", keys), (), SITE, KNOWN)
    for text in (raised.value.told, raised.value.remedy):
        assert text is not None
        assert re.search(r"[\u4e00-\u9fff]", text.in_language("zh")), text

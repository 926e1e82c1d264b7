"""recipe.yaml says to LLaMA-Factory exactly what the recipe holds."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from dsk.recipe import Recipe

# fmt: off
VALUES: list[object] = [
    2e-05, 1e-4, 1.0, 1e16, 1e22, 0.1, 5e-324, -0.0, float("inf"), 0, -1, 180000000,
    True, False, None,
    "1e-4", "2e-05", "1.", ".5", "1.e3", "1_000", "0x10", "0o17", "010", "1:30", "+1", "2020-01-01",
    "yes", "no", "on", "Y", "null", "~", "", " ", "true", ".inf", "nan", "inf", "=", "<<",
    "a: b", "a #b", "# x", "- a", "-", "{a", "[", "]", "'q'", '"', "\\", "!x", "&a", "*a", "%", "@",
    "`", "|", ">", "a, b", "/workspace/模型 1", "中文 路径/模型", "😀", "x\ny\n", "x\n\n", "\ttab",
    "  lead", "trail ", "a\r\nb", "\x07", "\u0085", "a\u0085b", "\u2028", "\ufeffbom", "--- x",
    "...", "${a}", "???", "word " * 60 + "end",
    [], {}, [1, [2, {"a": None}]], {"zero_optimization": {"stage": 3, "bucket": 5e8, "x": "auto"}},
    {"1e-4": "a", "yes": "b", "a: b": "c", "中": "d"},
]
# fmt: on


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_every_value_is_read_back_with_its_type(tmp_path: Path, value: object) -> None:
    values = {"first": value, "inner": {"list": [value]}, "last": "x"}
    recipe = Recipe(values, changes=(), notices=(), unchecked=(), inputs=(), world_size=1)
    file = tmp_path / "recipe.yaml"
    file.write_text(recipe.to_yaml(), encoding="utf-8")
    # As LLaMA-Factory 0.9.5 reads it, and as 0.9.3 does: they type what is not quoted differently.
    plain = yaml.safe_load(file.read_text(encoding="utf-8"))
    for read in (OmegaConf.load(file), OmegaConf.merge(plain, OmegaConf.create())):
        back = OmegaConf.to_container(read)
        assert back == values
        assert isinstance(back, dict)
        assert type(back["first"]) is type(value)
        assert list(back) == list(values)

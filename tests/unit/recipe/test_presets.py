"""The deepspeed key."""

from __future__ import annotations

import pytest

from dsk.errors import UserError

from .conftest import Run, changed, english

SHIPPED = "/opt/llamafactory/examples/deepspeed"
BESIDE = "/workspace/p/train.yaml"


@pytest.mark.parametrize(
    ("written", "file"),
    [
        ("z0", "ds_z0_config.json"),
        ("z2", "ds_z2_config.json"),
        ("z2_offload", "ds_z2_offload_config.json"),
        ("z3", "ds_z3_config.json"),
        ("z3_offload", "ds_z3_offload_config.json"),
        ("examples/deepspeed/ds_z3_config.json", "ds_z3_config.json"),
        ("./examples/deepspeed/ds_z2_config.json", "ds_z2_config.json"),
    ],
)
def test_presets_are_the_shipped_files(run: Run, written: str, file: str) -> None:
    recipe = run("", f"deepspeed={written}", present=[])
    assert changed(recipe)["deepspeed"] == (written, f"{SHIPPED}/{file}")


def test_the_users_own_file_beside_the_recipe_comes_first(run: Run) -> None:
    own = "/workspace/p/examples/deepspeed/ds_z3_config.json"
    line = "deepspeed: examples/deepspeed/ds_z3_config.json\n"
    assert run(line, path=BESIDE, present=[own]).values["deepspeed"] == own


@pytest.mark.parametrize(
    ("written", "present", "resolved"),
    [
        ("my.json", ["/workspace/p/my.json"], "/workspace/p/my.json"),
        ("cfg/my.json", ["/workspace/cfg/my.json"], "/workspace/cfg/my.json"),
        ("/workspace/my.json", ["/workspace/my.json"], "/workspace/my.json"),
        (f"{SHIPPED}/ds_z3_config.json", [], f"{SHIPPED}/ds_z3_config.json"),
    ],
)
def test_another_path(run: Run, written: str, present: list[str], resolved: str) -> None:
    recipe = run(f"deepspeed: {written}\n", path=BESIDE, present=present)
    assert recipe.values["deepspeed"] == resolved


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("z3_ofload", "did you mean 'z3_offload'?"),
        ("examples/deepspeed/ds_z3_confg.json", "did you mean 'ds_z3_config.json'?"),
        ("zero", "not one of LLaMA-Factory's configurations"),
        ("my.json", "neither beside train.yaml"),
        ("/etc/ds.json", "outside the workspace"),
    ],
)
def test_mistakes(run: Run, written: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        run(f"deepspeed: {written}\n", path=BESIDE, present=[])
    assert caught.value.where == "train.yaml:5"
    assert message in caught.value.message


@pytest.mark.parametrize("written", ["{zero_optimization: {stage: 2}}", "'{\"fp16\": {}}'"])
def test_inline_configurations_pass(run: Run, written: str) -> None:
    assert "deepspeed" not in changed(run(f"deepspeed: {written}\n"))


def test_absent_stays_absent_and_is_said_in_one_line(run: Run) -> None:
    recipe = run()
    assert "deepspeed" not in recipe.values
    assert [line for line in english(recipe.notices) if "plain data parallel" in line]

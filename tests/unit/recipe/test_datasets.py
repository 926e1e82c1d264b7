"""dataset_dir and the names in it."""

from __future__ import annotations

import pytest

from dsk.errors import UserError
from tests.texts import en

from .conftest import MINIMAL, Run, changed, english

OWN = "/workspace/data"
INFO = f"{OWN}/dataset_info.json"
SHIPPED = "/opt/llamafactory/data"
MINE = MINIMAL.replace("identity", "mine")


@pytest.mark.parametrize("line", ["", "dataset_dir: data\n", "dataset_dir: ./data\n"])
@pytest.mark.parametrize(("present", "folder"), [([INFO], OWN), ([], SHIPPED)])
def test_the_default_is_the_workspaces_data_if_set_up(
    run: Run, line: str, present: list[str], folder: str
) -> None:
    recipe = run(line, present=present)
    assert recipe.values["dataset_dir"] == folder
    assert changed(recipe)["dataset_dir"][1] == folder


@pytest.mark.parametrize(("text", "folder"), [(MINIMAL, SHIPPED), (MINE, OWN)])
def test_unseen_the_names_decide_and_it_is_said(run: Run, text: str, folder: str) -> None:
    recipe = run(text=text)
    assert recipe.values["dataset_dir"] == folder
    assert any(INFO in line for line in english(recipe.unchecked))


def test_data_beside_the_file_comes_first(run: Run) -> None:
    present = [INFO, "/workspace/p/data/dataset_info.json"]
    recipe = run("dataset_dir: data\n", path="/workspace/p/train.yaml", present=present)
    assert recipe.values["dataset_dir"] == "/workspace/p/data"


@pytest.mark.parametrize("key", ["dataset", "eval_dataset"])
def test_a_name_that_is_not_shipped_names_the_nearest(run: Run, key: str) -> None:
    with pytest.raises(UserError) as caught:
        run("", f"{key}=identity, alpaca_en_dem", present=[])
    assert caught.value.where == f"override '{key}=identity, alpaca_en_dem'"
    assert "'alpaca_en_dem' is not in" in caught.value.message
    assert "did you mean 'alpaca_en_demo'?" in caught.value.message
    assert "dataset_dir: /workspace/data" in str(caught.value.fix)


def test_names_may_be_a_list(run: Run) -> None:
    recipe = run("", "dataset=[identity, alpaca_zh_demo]", "eval_dataset=identity", present=[])
    assert recipe.datasets == ("identity", "alpaca_zh_demo", "identity")


def test_names_in_ones_own_folder_are_left_to_the_nodes(run: Run) -> None:
    recipe = run("dataset_dir: my data\n", "dataset=mine", present=["/workspace/my data"])
    assert recipe.values["dataset_dir"] == "/workspace/my data"
    assert "dataset: whether mine are in /workspace/my data/dataset_info.json" in english(
        recipe.unchecked
    )


@pytest.mark.parametrize("value", ["ONLINE", "REMOTE:llamafactory/demo_data"])
def test_data_of_a_hub_is_looked_up_by_the_ranks(run: Run, value: str) -> None:
    recipe = run(f"dataset_dir: {value}\n", "dataset=mine", present=[])
    assert recipe.values["dataset_dir"] == value
    assert recipe.data_folder == ""
    assert tuple(map(en, recipe.online)) == (f"dataset_dir is {value}",)


def test_an_inline_description_is_checked(run: Run) -> None:
    line = "dataset_dir: {mine: {hf_hub_url: me/data}, other: {file_name: /workspace/a.json}}\n"
    recipe = run(line, "dataset=mine")
    assert "dataset_dir" not in changed(recipe)
    assert recipe.data_folder == "" and recipe.online
    with pytest.raises(UserError, match="'mime' is not in dataset_dir; did you mean 'mine'"):
        run(line, "dataset=mime")
    with pytest.raises(UserError, match="'other' is a file, and LLaMA-Factory reads files only"):
        run(line, "dataset=other")


@pytest.mark.parametrize("file", ["dataset_dict.json", "state.json"])
def test_tokenized_data_needs_no_raw_data(run: Run, file: str) -> None:
    line = "tokenized_path: tok\n"
    recipe = run(line, "dataset=mine", present=[f"/workspace/tok/{file}"])
    assert recipe.data_folder == ""
    assert "/workspace/tok" in recipe.inputs
    assert any("no raw data is read" in notice for notice in english(recipe.notices))
    # It is made by this job, from raw data.
    with pytest.raises(UserError, match="'mine' is not in"):
        run(line, "dataset=mine", present=[])
    # Nobody has looked.
    unseen = run(line + f"dataset_dir: {SHIPPED}\n", "dataset=mine")
    assert any("/workspace/tok exists" in text for text in english(unseen.unchecked))

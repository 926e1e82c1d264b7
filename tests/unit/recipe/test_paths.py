"""Where the job reads and writes."""

from __future__ import annotations

import pytest

from dsk.errors import UserError

from .conftest import MINIMAL, Run, changed, english

NO_OUTPUT = MINIMAL.replace("output_dir: saves/x\n", "")
BESIDE = "/workspace/p/train.yaml"


@pytest.mark.parametrize(
    ("written", "resolved"),
    [
        ("saves/x", "/workspace/saves/x"),
        ("./a/../b", "/workspace/b"),
        ("结果 1", "/workspace/结果 1"),
        ("/workspace/out", "/workspace/out"),
        ("/workspace/a/../b/", "/workspace/a/../b/"),
    ],
)
@pytest.mark.parametrize("key", ["output_dir", "logging_dir", "cache_dir", "tokenized_path"])
def test_what_is_written_lies_in_the_workspace(
    run: Run, key: str, written: str, resolved: str
) -> None:
    recipe = run("", f"{key}={written}")
    assert recipe.values[key] == resolved
    expected = None if written == resolved else (written, resolved)
    assert changed(recipe).get(key) == expected


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("/data/out", "'/data/out' is outside the workspace /workspace"),
        ("/workspace2/out", "outside the workspace"),
        ("/workspace/../etc", "outside the workspace"),
        ("/opt/llamafactory/saves", "outside the workspace"),
        ("../out", "'../out' leads out of the workspace"),
        ("~/out", "neither ~ nor $"),
        ("${HOME}/out", "neither ~ nor $"),
        ("$HOME/out", "neither ~ nor $"),
        ("3", "3 is not a path"),
        ("''", "'' is not a path"),
    ],
)
def test_an_output_elsewhere_is_refused(run: Run, written: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        run(text=NO_OUTPUT + f"output_dir: {written}\n")
    assert caught.value.where == "train.yaml:4"
    assert message in caught.value.message
    assert caught.value.fix


def test_a_missing_output_dir_gets_the_name_of_the_file(run: Run) -> None:
    recipe = run(text=NO_OUTPUT, path="/home/me/my sft.yaml")
    assert recipe.output_dir == "/workspace/saves/my sft"
    assert changed(recipe)["output_dir"] == (None, "/workspace/saves/my sft")


def test_an_input_beside_the_file_comes_first(run: Run) -> None:
    recipe = run(
        "media_dir: images\n",
        path=BESIDE,
        present=["/workspace/p/images", "/workspace/images"],
    )
    assert changed(recipe)["media_dir"] == ("images", "/workspace/p/images")
    assert "/workspace/p/images" in recipe.inputs


def test_an_input_beside_a_file_outside_the_workspace_does_not_count(run: Run) -> None:
    recipe = run("media_dir: images\n", path="/root/p/t.yaml", present=["/workspace/images"])
    assert changed(recipe)["media_dir"] == ("images", "/workspace/images")


def test_an_input_that_nobody_can_look_for_is_left_unchecked(run: Run) -> None:
    recipe = run("resume_from_checkpoint: saves/x/checkpoint-5\n")
    assert recipe.values["resume_from_checkpoint"] == "/workspace/saves/x/checkpoint-5"
    assert "whether every node has /workspace/saves/x/checkpoint-5" in english(recipe.unchecked)


def test_a_missing_input_names_both_readings(run: Run) -> None:
    with pytest.raises(UserError) as caught:
        run("media_dir: images\n", path=BESIDE, present=[])
    assert caught.value.where == "train.yaml:5"
    assert "(/workspace/p/images)" in caught.value.message
    assert "(/workspace/images)" in caught.value.message


def test_an_absolute_input_outside_says_how_to_move_it(run: Run) -> None:
    with pytest.raises(UserError) as caught:
        run("media_dir: /data/images\n")
    assert "mv /data/images /workspace/images" in str(caught.value.fix)


def test_what_the_image_ships_may_be_read(run: Run) -> None:
    recipe = run("media_dir: /opt/llamafactory/data\n")
    assert "media_dir" not in changed(recipe)
    assert recipe.inputs == ()


@pytest.mark.parametrize(
    "line",
    [
        "resume_from_checkpoint: true",
        "fsdp_config: {min_num_params: 0}",
        "accelerator_config: '{\"split_batches\": true}'",
    ],
)
def test_values_that_are_no_paths_pass(run: Run, line: str) -> None:
    assert line.partition(":")[0] not in changed(run(line + "\n"))


def test_a_shared_or_single_workspace_needs_no_look_at_every_node(run: Run) -> None:
    line = "media_dir: /workspace/images\n"
    for site in ({"nodes": 1}, {"shared_workspace": True}):
        recipe = run(line, present=["/workspace/images"], **site)
        assert not any("every node has" in item for item in english(recipe.unchecked))
    recipe = run(line, present=["/workspace/images"], shared_workspace=False)
    assert "whether every node has /workspace/images" in english(recipe.unchecked)

"""Models and adapters: path or hub name."""

from __future__ import annotations

import posixpath

import pytest

from dsk.errors import UserError

from .conftest import MINIMAL, Run, changed, english

BESIDE = "/workspace/p/train.yaml"
MODEL = MINIMAL.replace("Qwen/Qwen2-1.5B", "{}")


@pytest.mark.parametrize("value", ["Qwen/Qwen2-1.5B", "meta-llama/Llama-3.1-8B", "a/_b", "gpt2"])
def test_a_hub_name_passes(run: Run, value: str) -> None:
    recipe = run(text=MODEL.format(value), path=BESIDE, present=[])
    assert recipe.values["model_name_or_path"] == value
    assert "model_name_or_path" not in changed(recipe)
    assert any(value in line and "hub" in line for line in english(recipe.unchecked))


@pytest.mark.parametrize("value", ["models/qwen", "./qwen", "../qwen", "模型", "qwen"])
def test_a_path_beside_the_file_becomes_absolute(run: Run, value: str) -> None:
    path = posixpath.normpath(f"/workspace/p/{value}")
    recipe = run(text=MODEL.format(value), path=BESIDE, present=[path])
    assert changed(recipe)["model_name_or_path"] == (value, path)
    assert path in recipe.inputs


def test_an_absolute_path_in_the_workspace_stays(run: Run) -> None:
    recipe = run(text=MODEL.format("/workspace/m"), present=["/workspace/m"])
    assert recipe.values["model_name_or_path"] == "/workspace/m"
    assert "model_name_or_path" not in changed(recipe)
    assert recipe.inputs == ("/workspace/m",)


@pytest.mark.parametrize(
    ("value", "message", "fix"),
    [
        ("/data/m", "'/data/m' is outside the workspace", "mv /data/m /workspace/m"),
        ("/workspace/../m", "outside the workspace", "mv"),
        ("/workspace/m", "'/workspace/m' does not exist", "copy"),
        ("qwen--2", "nor a hub name (OWNER/NAME)", "absolute path under /workspace"),
        ("模型", "nor a hub name (OWNER/NAME)", "absolute path under /workspace"),
        ("a/b/c", "neither a path that exists beside train.yaml", "absolute path"),
        ("./qwen", "neither a path", "absolute path"),
        ("~/m", "neither ~ nor $", "in full"),
        ("7", "7 is not a path", "quotes"),
    ],
)
def test_anything_else_names_both_readings(run: Run, value: str, message: str, fix: str) -> None:
    with pytest.raises(UserError) as caught:
        run(text=MODEL.format(value), path=BESIDE, present=[])
    assert caught.value.where == "train.yaml:1"
    assert message in caught.value.message
    assert fix in str(caught.value.fix)


@pytest.mark.parametrize(
    "key", ["model_name_or_path", "adapter_name_or_path", "ref_model", "reward_model"]
)
@pytest.mark.parametrize("value", ["saves/sft", "Qwen2.5-7B"])
def test_the_workspace_comes_before_the_hub(run: Run, key: str, value: str) -> None:
    path = f"/workspace/{value}"
    recipe = run("", f"{key}={value}", "output_dir=saves/sft", present=[path])
    assert recipe.values[key] == path
    assert changed(recipe)[key][1] == path
    assert path in recipe.inputs
    assert value not in recipe.repos
    # What is not there is a hub's; unseen, both are possible, and it is said.
    assert run("", f"{key}={value}", present=[]).values[key] == value
    unseen = run("", f"{key}={value}")
    assert unseen.values[key] == value
    assert any(path in line and "hub" in line for line in english(unseen.unchecked))


def test_where_a_folder_was_looked_for_before_the_hub_is_asked(run: Run) -> None:
    text = MODEL.format("models/qwen")
    in_workspace = run(text=text, path=BESIDE, present=[])
    assert in_workspace.looked == {
        "models/qwen": ("/workspace/p/models/qwen", "/workspace/models/qwen")
    }
    elsewhere = run("adapter_name_or_path: me/a\n", text=text, present=[])
    assert elsewhere.looked == {"models/qwen": ("/workspace/models/qwen",)}
    at_the_root = run(text=text, path="/workspace/train.yaml", present=[])
    assert at_the_root.looked == {"models/qwen": ("/workspace/models/qwen",)}
    assert run(text=text).looked == {}
    assert run(text=text, present=["/workspace/models/qwen"]).looked == {}


def test_one_of_several_adapters_in_the_workspace(run: Run) -> None:
    recipe = run("adapter_name_or_path: saves/sft,me/c\n", present=["/workspace/saves/sft"])
    assert recipe.values["adapter_name_or_path"] == "/workspace/saves/sft,me/c"
    assert "me/c" in recipe.repos and "saves/sft" not in recipe.repos


def test_modelscope_has_no_names_without_an_owner(run: Run) -> None:
    with pytest.raises(UserError, match="neither a path"):
        run(text=MODEL.format("gpt2"), present=[], modelscope="/workspace/ms")
    # Nobody has looked yet: it may be a folder.
    unseen = run(text=MODEL.format("Qwen2.5-7B"), modelscope="/workspace/ms")
    assert unseen.values["model_name_or_path"] == "/workspace/Qwen2.5-7B"


def test_a_folder_that_is_there_is_meant_rather_than_a_hub_name(run: Run) -> None:
    recipe = run(text=MODEL.format("models/qwen"), present=["/workspace/models/qwen"])
    assert changed(recipe)["model_name_or_path"] == ("models/qwen", "/workspace/models/qwen")


@pytest.mark.parametrize("value", ["saves/x/lora", "./qwen"])
@pytest.mark.parametrize("seen", [True, False])
def test_what_no_hub_can_have_is_looked_for_in_the_workspace(
    run: Run, value: str, seen: bool
) -> None:
    path = posixpath.normpath(f"/workspace/{value}")
    recipe = run(f"adapter_name_or_path: {value}\n", present=[path] if seen else None)
    assert changed(recipe)["adapter_name_or_path"] == (value, path)
    assert path in recipe.inputs


def test_no_model(run: Run) -> None:
    with pytest.raises(UserError, match="model_name_or_path: is missing"):
        run(text="do_train: true\ndataset: identity\n")


def test_adapters_are_resolved_one_by_one(run: Run) -> None:
    recipe = run(
        "adapter_name_or_path: a, /workspace/b,me/c\n",
        path=BESIDE,
        present=["/workspace/p/a", "/workspace/b"],
    )
    assert recipe.values["adapter_name_or_path"] == "/workspace/p/a,/workspace/b,me/c"
    with pytest.raises(UserError, match="'/data/x' is outside"):
        run("adapter_name_or_path: me/c,/data/x\n")


def test_a_reward_server_is_no_path(run: Run) -> None:
    lines = "reward_model: http://10.0.0.1:8000/v1\n"
    recipe = run(lines + "reward_model_type: api\n")
    assert recipe.values["reward_model"] == "http://10.0.0.1:8000/v1"
    with pytest.raises(UserError, match="reward_model"):
        run(lines)


def test_what_a_hub_has_is_named_once_for_the_download(run: Run) -> None:
    recipe = run("adapter_name_or_path: me/c,/workspace/b,Qwen/Qwen2-1.5B\nref_model: me/r\n")
    assert recipe.repos == {"Qwen/Qwen2-1.5B": "", "me/r": "", "me/c": ""}
    assert run(text=MODEL.format("/workspace/m")).repos == {}


def test_from_modelscope_into_a_folder_of_the_workspace(run: Run) -> None:
    recipe = run("adapter_name_or_path: me/c\n", modelscope="/workspace/.cache/modelscope/dsk")
    folder = "/workspace/.cache/modelscope/dsk/Qwen/Qwen2-1.5B"
    assert changed(recipe)["model_name_or_path"] == ("Qwen/Qwen2-1.5B", folder)
    # peft knows no ModelScope: LLaMA-Factory asks the other hub for adapters.
    assert recipe.repos == {"Qwen/Qwen2-1.5B": folder}
    assert recipe.values["adapter_name_or_path"] == "me/c"
    assert folder not in recipe.inputs


@pytest.mark.parametrize(
    ("revision", "suffix"),
    [("main", ""), ("master", ""), ("v2", "@v2"), ("'1.0'", "@1.0"), ("fix/a b", "@fix%2Fa%20b")],
)
def test_each_revision_from_modelscope_has_a_folder_of_its_own(
    run: Run, revision: str, suffix: str
) -> None:
    recipe = run(f"model_revision: {revision}\nref_model: me/r\n", modelscope="/workspace/ms")
    assert recipe.repos == {
        "Qwen/Qwen2-1.5B": f"/workspace/ms/Qwen/Qwen2-1.5B{suffix}",
        "me/r": f"/workspace/ms/me/r{suffix}",
    }
    assert recipe.values["model_name_or_path"] == recipe.repos["Qwen/Qwen2-1.5B"]
    assert run("model_revision: v2\n").repos == {"Qwen/Qwen2-1.5B": ""}

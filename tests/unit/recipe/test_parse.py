"""The file and the overrides: what is merged, and what each mistake says."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from dsk.errors import UserError

from .conftest import MINIMAL, Run

NEWLINE_COUNT = MINIMAL.count("\n")


@pytest.mark.parametrize(
    ("text", "path", "where", "message"),
    [
        ("", "/p/train.yaml", "train.yaml", "the file is empty"),
        ("# only a comment\n", "/p/train.yaml", "train.yaml", "the file is empty"),
        ("", "/p/train.json", "train.json", "the file is empty"),
        ("- a\n- b\n", "/p/train.yaml", "train.yaml", "holds a list"),
        ("[1]", "/p/train.json", "train.json", "holds a list"),
        ("train\n", "/p/train.yaml", "train.yaml", "holds a single value"),
        ("3", "/p/train.json", "train.json", "holds a single value"),
        ("a: 1\nb: [1, 2\n", "/p/train.yaml", "train.yaml:2", "bracket that opens here"),
        ("a: 1\n\tb: 2\n", "/p/train.yaml", "train.yaml:2", "a tab is no indentation"),
        ("a: 1\n---\nb: 2\n", "/p/train.yaml", "train.yaml:2", "another document"),
        ("do_train: !!python/object:os.x y\n", "/p/train.yaml", "train.yaml:1", "constructor"),
        ('{\n "a": 1\n "b": 2}', "/p/train.json", "train.json:3", "is not JSON"),
        ("bf16: 1\n\nbf16: 2\n", "/p/train.yaml", "train.yaml:3", "twice (first in line 1)"),
        ('{"bf16": 1,\n"bf16": 2}', "/p/train.json", "train.json:2", "twice (first in line 1)"),
        (
            '{"do_train": true,\n"default_system": "${"}',
            "/p/train.json",
            "train.json:2",
            "default_system",
        ),
        (MINIMAL + "default_system: 'a ${'\n", "/p/train.yaml", "train.yaml:5", "default_system"),
        (MINIMAL + "report_to: !!binary aGk=\n", "/p/train.yaml", "train.yaml:5", "bytes"),
        (MINIMAL + "lr_scheduler_kwargs: {1: 2}\n", "/p/train.yaml", "train.yaml:5", "key 1 "),
    ],
)
def test_a_broken_file_names_its_line(
    run: Run, text: str, path: str, where: str, message: str
) -> None:
    with pytest.raises(UserError) as caught:
        run(text=text, path=path)
    assert caught.value.where == where
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("word", "message", "fix"),
    [
        ("learning_rate", "needs a '='", "write learning_rate=VALUE"),
        ("--bf16", "needs a '='", "write bf16=VALUE"),
        ("--learning-rate=1e-5", "without dashes", "learning_rate=1e-5"),
        ("=3", "'' is not a key", "write key=value"),
        ("fsdp_config.=3", "'fsdp_config.' is not a key", "write key=value"),
        ("report_to={a", "cannot be merged", "quote"),
        ("default_system=${", "cannot be merged", "quote"),
        ("lerning_rate=1", "'lerning_rate'; did you mean 'learning_rate'?", "correct"),
    ],
)
def test_a_broken_override_is_named(run: Run, word: str, message: str, fix: str) -> None:
    with pytest.raises(UserError) as caught:
        run("", "bf16=true", word)
    assert caught.value.where == f"override '{word}'"
    assert message in caught.value.message
    assert caught.value.fix is not None
    assert fix in caught.value.fix


def test_an_unknown_key_names_line_and_nearest_key(run: Run) -> None:
    with pytest.raises(UserError) as caught:
        run("num_train_epoch: 3\n")
    assert caught.value.where == f"train.yaml:{NEWLINE_COUNT + 1}"
    assert "'num_train_epoch'; did you mean 'num_train_epochs'?" in caught.value.message


def test_all_unknown_keys_are_reported_at_once(run: Run) -> None:
    with pytest.raises(UserError) as caught:
        run("num_train_epoch: 3\nzzz: 1\n", "bf17=true")
    lines = caught.value.message.splitlines()
    assert len(lines) == 3
    assert lines[1].startswith(f"train.yaml:{NEWLINE_COUNT + 2}: ")
    assert lines[1].endswith("'zzz'")
    assert "override 'bf17=true'" in lines[2]


@pytest.mark.parametrize("word", ["hf_hub_token=${", "--hf_hub_token=abc", "a.api_key=abc"])
def test_errors_never_show_a_secret(run: Run, word: str) -> None:
    with pytest.raises(UserError) as caught:
        run("", word)
    assert "abc" not in str(caught.value)
    assert "=***" in str(caught.value)


def test_overrides_are_merged_and_typed_as_upstream_does(run: Run) -> None:
    words = [
        "learning_rate=2e-5",
        "bf16=true",
        "num_train_epochs=3",
        "report_to=null",
        "lr_scheduler_kwargs.a.b=1",
        "lr_scheduler_kwargs.a.c=[x, 2]",
        "default_system='007'",
    ]
    text = MINIMAL + "lr_scheduler_kwargs: {a: {b: 0, d: 4}}\nreport_to: wandb\n"
    values = run(text.removeprefix(MINIMAL), *words).values
    upstream = OmegaConf.to_container(
        OmegaConf.merge(OmegaConf.create(text), OmegaConf.from_cli(words))
    )
    assert isinstance(upstream, dict)
    for key in (
        "learning_rate", "bf16", "num_train_epochs", "report_to", "lr_scheduler_kwargs",
        "default_system",
    ):  # fmt: skip
        assert values[key] == upstream[key]
        assert type(values[key]) is type(upstream[key])
    assert values["learning_rate"] == 2e-5
    assert values["lr_scheduler_kwargs"] == {"a": {"b": 1, "c": ["x", 2], "d": 4}}


def test_json_is_read_like_yaml(run: Run) -> None:
    text = """{
\t"model_name_or_path": "Qwen/Qwen2-1.5B", "do_train": true, "dataset": "identity",
\t"output_dir": "/etc/x", "learning_rate": 1e-4
}"""
    values = run("", "output_dir=saves/x", text=text, path="/p/train.json").values
    assert values["learning_rate"] == 1e-4
    with pytest.raises(UserError) as caught:
        run(text=text, path="/p/train.json")
    assert caught.value.where == "train.json:3"


def test_a_yaml_merge_key_is_not_an_unknown_key(run: Run) -> None:
    text = "fsdp_config: &base {bf16: true}\n<<: *base\n" + MINIMAL
    assert run(text=text).values["bf16"] is True


def test_interpolations_stay_text_as_upstream_leaves_them(run: Run) -> None:
    assert run("default_system: ${model_name_or_path}\n").values["default_system"] == (
        "${model_name_or_path}"
    )

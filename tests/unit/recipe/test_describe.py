"""What people see of a recipe."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dsk.cluster.secretnames import is_secret
from dsk.errors import DskError
from dsk.recipe import KnownKeys
from dsk.recipe.describe import change_line, describe, describe_changes, summary
from dsk.recipe.redaction import redact, redact_override
from dsk.wire.caches import cache_env
from tests.texts import en

from .conftest import Run


def test_changes_have_before_after_and_reason(run: Run) -> None:
    recipe = run("ddp_timeout: 180000000\n", "deepspeed=z3", present=[])
    text = describe_changes(recipe).in_language("en")
    assert "  ddp_timeout: 180000000 -> 7200\n    " in text
    assert "  dataset_dir: not set -> /opt/llamafactory/data\n    " in text
    assert "  save_on_each_node: not set -> true\n    " in text


def test_the_same_in_chinese(run: Run) -> None:
    recipe = run("ddp_timeout: 180000000\n", "deepspeed=z3", present=[])
    text = describe_changes(recipe).in_language("zh")
    assert "\n\ndsk 的改动：\n" in text
    assert "  dataset_dir: 未设置 -> /opt/llamafactory/data\n    " in text
    assert "  save_on_each_node: 未设置 -> true\n    不确定各节点是否共享工作区，" in text


def test_a_jobs_specification_has_the_changes_in_english(run: Run) -> None:
    lines = list(map(en, map(change_line, run("learning_rate: 1\n", present=[]).changes)))
    reason = "no shared workspace is known, and each node needs its own part to resume"
    assert f"save_on_each_node: not set -> true ({reason})" in lines


def test_secrets_are_nowhere(run: Run) -> None:
    lines = "hf_hub_token: s3cr3t\nfsdp_config: {a: [{api_key: s3cr3t}]}\n"
    recipe = run(lines, "max_new_tokens=5")
    assert recipe.values["hf_hub_token"] == "s3cr3t"
    assert "s3cr3t" in recipe.to_yaml()
    assert "s3cr3t" not in describe(recipe).in_language("en")
    assert recipe.redacted()["hf_hub_token"] == "***"
    assert recipe.redacted()["max_new_tokens"] == 5


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        ("hub_token", True),
        ("push_to_hub_token", True),
        ("swanlab_api_key", True),
        ("swanlab_lark_secret", True),
        ("swanlab_lark_webhook_url", True),
        ("token", True),
        ("max_new_tokens", False),
        ("skip_special_tokens", False),
        ("include_num_input_tokens_seen", False),
        ("ignore_pad_token_for_loss", False),
        ("use_fast_tokenizer", False),
    ],
)
def test_which_keys_are_secret(key: str, secret: bool) -> None:
    assert is_secret(key) is secret
    assert redact(key, None) is None


def test_logins_in_addresses_are_nowhere(run: Run) -> None:
    recipe = run("fsdp_config: {a: ['https://me:s3cr3t@h/x', 'http://h/?api_key=s3cr3t']}\n")
    assert "s3cr3t" not in describe(recipe).in_language("en")
    assert redact_override("run_name=ftp://me:s3cr3t@h/x") == "run_name=ftp://***@h/x"


@pytest.mark.parametrize(
    ("words", "effective"),
    [
        ((), 64),
        (("per_device_train_batch_size=2", "gradient_accumulation_steps=4"), 64),
        (("per_device_train_batch_size=1", "deepspeed=z3"), 8),
        (("deepspeed=z2_autotp",), None),
        (("deepspeed={tensor_parallel: {autotp_size: 2}}",), None),
        (("per_device_train_batch_size=auto",), None),
    ],
)
def test_the_effective_batch_size(run: Run, words: tuple[str, ...], effective: int | None) -> None:
    recipe = run("", *words, present=[])
    assert (recipe.batch.effective if recipe.batch else None) == effective
    shown = f"batch size {effective} per step" if effective else "8 ranks"
    assert summary(recipe).in_language("en").startswith(shown)
    assert summary(recipe).in_language("en").endswith("output in /workspace/saves/x")


def test_caches_lie_in_the_workspace() -> None:
    assert set(cache_env("/workspace").values()) == {
        "/workspace/.cache/huggingface",
        "/workspace/.cache/modelscope",
    }


@pytest.mark.parametrize("text", ["", "[]", '{"keys": {}}', '{"keys": 1}'])
def test_a_broken_list_of_keys_is_named(text: str) -> None:
    with pytest.raises(DskError) as caught:
        KnownKeys.from_json(text, where="recipe-keys.json")
    assert caught.value.where == "recipe-keys.json"


def test_importing_the_room_does_not_import_omegaconf() -> None:
    code = "import sys, dsk.recipe; print({'omegaconf', 'yaml', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

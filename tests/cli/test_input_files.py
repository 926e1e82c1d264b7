"""Hostfiles and train.yaml as people publish them: what is said of their mistakes, and where."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Dsk

RECIPE = """\
stage: sft
do_train: true
model_name_or_path: Qwen/Qwen2.5-7B-Instruct
dataset: identity
template: qwen
finetuning_type: lora
output_dir: saves/x
"""


@pytest.mark.parametrize(
    ("hostfile", "said"),
    [
        ("# 主机\n10.0.0.11 slots=4\n".encode("gbk"), ["hostfile:1", "iconv -f GBK"]),
        (b"10.0.0.11:4\n", ["hostfile:1", "write 10.0.0.11 slots=4"]),
        (b"# us\nroot@192.168.1.10 slots=2\n", ["hostfile:2", "--user root"]),
        (b"no-such-host.invalid slots=2\n", ["hostfile:1", "no-such-host.invalid"]),
    ],
)
def test_a_hostfiles_mistake(dsk: Dsk, hostfile: bytes, said: list[str]) -> None:
    (dsk.folder / "hostfile").write_bytes(hostfile)
    err = dsk("init", "--hostfile", "hostfile", code=2).err
    for part in said:
        assert part in err


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (
            f"{RECIPE}dataset_dir: ../LLaMA-Factory/data\n",
            ["train.yaml:8", "'../LLaMA-Factory/data' is not inside the workspace"],
        ),
        (
            RECIPE.replace("path: Qwen", "path:Qwen"),
            ["train.yaml:3", "write model_name_or_path: Qwen/Qwen2.5-7B-Instruct"],
        ),
        (RECIPE.replace("dataset: ", "dataset："), ["train.yaml:4", "write dataset: identity"]),
        (
            "model_name_or_path: Qwen/Qwen3-4B\nadapter_name_or_path: saves/x/lora\n"
            "export_dir: saves/merged\n",
            ["dsk exec", "llamafactory-cli export"],
        ),
        (
            f"{RECIPE}deepspeed: /home/u/LlamaFactory/examples/deepspeed/ds_z3_config.json\n",
            ["train.yaml:8", "deepspeed: z3"],
        ),
    ],
)
def test_a_recipes_mistake(in_cluster: Dsk, recipe: str, said: list[str]) -> None:
    in_cluster.write("train.yaml", recipe)
    err = in_cluster("launch", "--dry-run", "train.yaml", code=2).err
    for part in said:
        assert part in err
    assert "mv " not in err


def test_a_name_that_may_be_a_folder_is_taken_unchecked(in_cluster: Dsk) -> None:
    in_cluster.write("train.yaml", RECIPE.replace("Qwen/Qwen2.5-7B-Instruct", "Qwen2.5-7B"))
    out = in_cluster("launch", "--dry-run", "train.yaml").out
    assert "/workspace/Qwen2.5-7B" in out

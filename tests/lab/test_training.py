"""Two hosts train together, and it is the same training as on one."""

from __future__ import annotations

import functools
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hosts import Lab
from tests.lab.cluster import MODEL, STEPS, Cluster

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

TOLERANCE = 1e-3

CASES = [
    pytest.param("full", "z2", id="full-z2"),
    pytest.param("lora", "z2", id="lora-z2", marks=pytest.mark.full),
    pytest.param("full", "z3", id="full-z3", marks=pytest.mark.full),
    pytest.param("lora", "z3", id="lora-z3", marks=pytest.mark.full),
]

LOAD = """
import sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
model = AutoModelForCausalLM.from_pretrained(sys.argv[1])
if len(sys.argv) > 2:
    from peft import PeftModel
    model = PeftModel.from_pretrained(model, sys.argv[2])
tokens = AutoTokenizer.from_pretrained(sys.argv[-1])("hi", return_tensors="pt")
assert torch.isfinite(model(**tokens).logits).all()
print("loaded", type(model).__name__)
"""


def settings_of(kind: str, stage: str) -> dict[str, str]:
    return {
        "finetuning_type": kind,
        "deepspeed": stage,
        "output_dir": f"outputs/{kind}-{stage}",
    }


@pytest.fixture(scope="session")
def train(cluster: Cluster) -> Callable[[str, str], str]:
    """Trains on both hosts, once for each kind and ZeRO stage; returns what dsk printed."""

    @functools.cache
    def run(kind: str, stage: str) -> str:
        settings = settings_of(kind, stage)
        return cluster.dsk("launch", cluster.train(**settings)).text

    return run


@pytest.mark.parametrize(("kind", "stage"), CASES)
def test_two_hosts_train_as_one_host_with_two_ranks_does(
    cluster: Cluster, one_host: Cluster, train: Callable[[str, str], str], kind: str, stage: str
) -> None:
    out = train(kind, stage)
    assert "succeeded" in out
    # torch's own word for who takes part, on each host.
    assert "[node0 rank 0]" in out and "[node1 rank 1]" in out
    assert "world size: 2" in out

    settings = settings_of(kind, stage)
    one_host.dsk("launch", one_host.train(**settings))
    name = settings["output_dir"]
    two, one = cluster.losses(name), one_host.losses(name)
    assert len(two) == len(one) == STEPS
    assert two == pytest.approx(one, abs=TOLERANCE)
    if kind == "full":
        assert two[-1] < 0.8 * two[0]

    model, saved = f"{cluster.workspace}/{MODEL}", f"{cluster.workspace}/{name}"
    places = [saved] if kind == "full" else [model, saved]
    assert "loaded" in cluster.in_worker(0, "python", "-c", LOAD, *places)


def test_one_rank_alone_is_another_training(
    cluster: Cluster, train: Callable[[str, str], str]
) -> None:
    """So the comparison above can fail: with one rank the losses differ by more than it allows."""
    train("full", "z2")
    alone = cluster.train(finetuning_type="full", output_dir="outputs/alone")
    cluster.dsk("launch", alone, "--include", "node1")
    one, two = cluster.losses("outputs/alone", node=1), cluster.losses("outputs/full-z2")
    assert max(abs(a - b) for a, b in zip(one, two, strict=True)) > 10 * TOLERANCE


@pytest.mark.parametrize("folder", ["with blank", "数据"])
def test_paths_with_blanks_and_chinese(cluster: Cluster, folder: str) -> None:
    place = f"{cluster.workspace}/{folder}"
    cluster.dsk("exec", "--", "mkdir", "-p", place)
    cluster.dsk("exec", "--", "cp", "-r", f"{cluster.workspace}/{MODEL}", f"{place}/模型 1")
    train = cluster.train(
        f"{folder}.yaml",
        model_name_or_path=f"{place}/模型 1",
        output_dir=f"{folder}/输出 1",
        max_steps=1,
    )
    cluster.dsk("launch", train)
    assert len(cluster.losses(f"{folder}/输出 1")) == 1


@pytest.fixture
def by_hand(lab: Lab, cluster: Cluster, tmp_path: Path) -> Iterator[str]:
    """The line that `dsk render train.yaml` prints for a shell in the master's worker. The recipe
    that it names is in both workers, as where the bundles were copied by hand."""
    train = cluster.train(output_dir="outputs/hand", max_steps=1)
    printed = cluster.dsk("render", train, "-o", str(tmp_path / "bundle")).out
    recipes = [
        node.folder / f"files/root/.dsk/lab/node{number}/train.yaml"
        for number, node in enumerate(lab.nodes)
    ]
    for number, recipe in enumerate(recipes):
        shutil.copy(tmp_path / f"bundle/node{number}/train.yaml", recipe)
    [line] = [line for line in printed.splitlines() if "deepspeed --hostfile=" in line]
    yield "deepspeed" + line.partition(" deepspeed")[2]
    for recipe in recipes:
        recipe.unlink()


def test_the_seed_commands_by_hand(cluster: Cluster, by_hand: str) -> None:
    """As everybody starts DeepSpeed: inside the master's worker, on two nodes and on one."""
    assert by_hand.endswith(" train /run/dsk/bundle/train.yaml")
    cluster.in_worker(0, "bash", "-c", by_hand)
    assert len(cluster.losses("outputs/hand")) == 1
    assert len(cluster.losses("outputs/hand", node=1)) == 1

    cluster.in_worker(0, "rm", "-r", f"{cluster.workspace}/outputs/hand")
    entry = [word for word in shlex.split(by_hand)[1:] if "=" not in word]
    cluster.in_worker(0, "deepspeed", "--num_gpus=1", *entry)
    assert len(cluster.losses("outputs/hand")) == 1

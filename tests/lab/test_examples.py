"""LLaMA-Factory's own training examples on two nodes, as they are but for size: a tiny model in the
place of theirs, few samples and steps. What each is expected to do is written down below.

An example of the image that is not in EXPECTED fails the test: a new stack needs a decision.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml
from tests.lab.cluster import MODEL, Cluster, Result

pytestmark = [pytest.mark.lab, pytest.mark.full, pytest.mark.timeout(900)]

EXAMPLES = "/opt/llamafactory/examples"
FOLDERS = ("train_full", "train_lora", "train_qlora", "extras")
SMALL: Mapping[str, Any] = {
    "template": "qwen",
    "cutoff_len": 128,
    "max_samples": 16,
    "max_steps": 2,
    "logging_steps": 1,
    "gradient_accumulation_steps": 1,
    "per_device_train_batch_size": 1,
    "preprocessing_num_workers": 1,
    "dataloader_num_workers": 0,
    "save_strategy": "no",
    "plot_loss": False,
    "overwrite_output_dir": True,
}


@dataclass(frozen=True)
class Trains:
    """It reaches its last step, with these changes beyond SMALL."""

    changed: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Predicts(Trains):
    """It writes generated_predictions.jsonl."""


@dataclass(frozen=True)
class Refused:
    """dsk says so before anything starts."""

    says: str


@dataclass(frozen=True)
class NotTiny:
    """The tiny model cannot stand for the example's."""

    why: str


VISION = NotTiny("a model with a vision tower")
QUANTIZED = NotTiny("a checkpoint that is quantized already")
BNB = NotTiny("bitsandbytes' 4-bit kernels want a GPU")
NO_FILE = {"dataset": "identity"}
"""Its data set is not shipped."""
SHIPPED_DATA = {"dataset_dir": "/opt/llamafactory/data"}
"""Its data sets are on a hub; LLaMA-Factory ships files of the same names."""

EXPECTED: Mapping[str, Trains | Refused | NotTiny] = {
    "train_full/qwen3_full_sft.yaml": Trains(),
    "train_full/qwen3vl_full_sft.yaml": VISION,
    "train_lora/qwen3_lora_dpo.yaml": Trains(),
    "train_lora/qwen3_lora_kto.yaml": Trains(),
    "train_lora/qwen3_lora_pretrain.yaml": Trains(),
    "train_lora/qwen3_lora_reward.yaml": Trains(),
    "train_lora/qwen3_lora_sft.yaml": Trains(),
    "train_lora/qwen3_lora_sft_ds3.yaml": Trains(),
    "train_lora/qwen3_lora_sft_ray.yaml": Trains(SHIPPED_DATA),
    "train_lora/qwen3_preprocess.yaml": Trains(),
    "train_lora/qwen3vl_lora_dpo.yaml": VISION,
    "train_lora/qwen3vl_lora_sft.yaml": VISION,
    "train_qlora/llama3_lora_sft_aqlm.yaml": QUANTIZED,
    "train_qlora/llama3_lora_sft_awq.yaml": QUANTIZED,
    "train_qlora/llama3_lora_sft_gptq.yaml": QUANTIZED,
    "train_qlora/qwen3_lora_sft_bnb_npu.yaml": BNB,
    "train_qlora/qwen3_lora_sft_otfq.yaml": BNB,
    "extras/adam_mini/qwen2_full_sft.yaml": Refused("needs the package adam-mini"),
    "extras/apollo/llama3_full_sft.yaml": Refused("layer-wise APOLLO does not train on several"),
    "extras/asft/llama2_full_asft.yaml": Trains(NO_FILE),
    "extras/asft/qwen2_full_asft.yaml": Trains(NO_FILE),
    "extras/badam/llama3_full_sft.yaml": Refused("BAdam trains with ZeRO-3 only"),
    "extras/dft/qwen2_full_sft.yaml": Trains(),
    "extras/eaft/qwen25_05b_eaft_full.yaml": Trains(),
    "extras/fp8/llama3_fp8_deepspeed_sft.yaml": Refused("needs the package wandb"),
    "extras/fp8/llama3_fp8_fsdp_sft.yaml": Refused("fsdp_transformer_layer_cls_to_wrap"),
    "extras/fsdp_qlora/llama3_lora_sft.yaml": BNB,
    "extras/galore/llama3_full_sft.yaml": Refused("layer-wise GaLore does not train on several"),
    # 8 of the tiny model's 2 layers: test_layers_that_do_not_divide.
    "extras/llama_pro/llama3_freeze_sft.yaml": Trains({"freeze_trainable_layers": 1}),
    "extras/loraplus/llama3_lora_sft.yaml": Trains(),
    "extras/mod/llama3_full_sft.yaml": Refused("needs the package mixture-of-depth"),
    "extras/muon/qwen2_full_sft.yaml": Trains(),
    "extras/nlg_eval/llama3_lora_predict.yaml": Predicts(
        {"adapter_name_or_path": None, "max_samples": 2, "max_new_tokens": 4}
    ),
    "extras/oft/llama3_oft_sft.yaml": Trains(),
    "extras/oft/qwen2_5vl_oft_sft.yaml": VISION,
    "extras/pissa/llama3_lora_sft.yaml": Trains(),
    "extras/qoft/llama3_oft_sft_awq.yaml": QUANTIZED,
    "extras/qoft/llama3_oft_sft_bnb_npu.yaml": BNB,
    "extras/qoft/llama3_oft_sft_gptq.yaml": QUANTIZED,
}
"""extras/multi_tokens has a list of tokens and no training."""
NO_TRAINING = {"extras/multi_tokens/tokens_cfg.yaml"}


@pytest.fixture(scope="module")
def threads(cluster: Cluster) -> Iterator[Cluster]:
    """Two ranks share this machine's cores."""
    before = cluster.settings.get("env", {})
    cluster.change(env={**before, "OMP_NUM_THREADS": "1"})
    yield cluster
    cluster.change(env=before)


def test_every_example_is_decided_upon(cluster: Cluster) -> None:
    places = " ".join(f"{EXAMPLES}/{folder}" for folder in FOLDERS)
    listed = cluster.in_worker(0, "sh", "-c", f"find {places} -name '*.yaml'").split()
    found = {line.removeprefix(f"{EXAMPLES}/") for line in listed if line.startswith(EXAMPLES)}
    assert found - NO_TRAINING == set(EXPECTED)


def launch(cluster: Cluster, name: str, changed: Mapping[str, Any], code: int) -> Result:
    text = cluster.in_worker(0, "cat", f"{EXAMPLES}/{name}")
    values = {
        **yaml.safe_load(text),
        "model_name_or_path": f"{cluster.workspace}/{MODEL}",
        **SMALL,
        "output_dir": output(name),
        **changed,
    }
    train = cluster.folder / "example.yaml"
    train.write_text(json.dumps(values, ensure_ascii=False))
    return cluster.dsk("launch", str(train), code=code, timeout=800)


def output(name: str) -> str:
    return f"outputs/examples/{name.removesuffix('.yaml').replace('/', '-')}"


@pytest.mark.parametrize("name", [n for n, what in EXPECTED.items() if isinstance(what, Refused)])
def test_an_example_that_is_refused(threads: Cluster, name: str) -> None:
    what = EXPECTED[name]
    assert isinstance(what, Refused)
    done = launch(threads, name, {}, code=2)
    assert what.says in done.text
    assert "connecting to" not in done.text


@pytest.mark.parametrize("name", [n for n, what in EXPECTED.items() if isinstance(what, Trains)])
def test_an_example_that_trains(threads: Cluster, name: str) -> None:
    what = EXPECTED[name]
    assert isinstance(what, Trains)
    threads.dsk("exec", "--", "rm", "-rf", f"{threads.workspace}/{output(name)}")
    launch(threads, name, what.changed, code=0)
    folder = f"{threads.workspace}/{output(name)}"
    if isinstance(what, Predicts):
        lines = threads.in_worker(0, "cat", f"{folder}/generated_predictions.jsonl").splitlines()
        assert [line for line in lines if line.startswith("{")]
    elif "tokenized_path" not in what.changed:
        assert len(threads.losses(output(name))) == SMALL["max_steps"]


def test_layers_that_do_not_divide(threads: Cluster) -> None:
    done = launch(threads, "extras/llama_pro/llama3_freeze_sft.yaml", {}, code=2)
    assert "2 cannot be divided by 8" in done.text

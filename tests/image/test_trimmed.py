"""What a stack's trim.txt takes away is missed by none of LLaMA-Factory's entry points."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.image.engine import Image

pytestmark = pytest.mark.timeout(600)
evaluates = pytest.mark.needs("tensorboard", "jieba", "nltk", "rouge-chinese")
LIMIT_S = 580
NO_NETWORK = ("--network=none",)
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def done(image: Image) -> dict[str, Any]:
    answer: dict[str, Any] = image.script("entry_points.py", options=NO_NETWORK, limit_s=LIMIT_S)
    return answer


@evaluates
@pytest.mark.parametrize("name", ["train", "predict", "export", "chat"])
def test_an_entry_point_ends_well(done: dict[str, Any], name: str) -> None:
    assert done[name]["exit"] == 0, done[name]["output"]


@evaluates
def test_training_evaluates_plots_and_logs(done: dict[str, Any]) -> None:
    wanted = {
        "lora/adapter_model.safetensors",
        "lora/eval_results.json",
        "lora/training_loss.png",
        "lora/training_eval_loss.png",
    }
    assert wanted <= set(done["files"])
    assert {"train/loss", "eval/loss"} <= set(done["scalars"])


@evaluates
def test_prediction_is_measured(done: dict[str, Any]) -> None:
    assert {"predict_bleu-4", "predict_rouge-l"} <= done["metrics"].keys()


@evaluates
def test_the_merged_model_answers(done: dict[str, Any]) -> None:
    assert {"merged/model.safetensors", "merged/config.json"} <= set(done["files"])
    # Of random weights the answer may begin with a line break; after it the chat asks again.
    assert re.search(r"User: Assistant: \s*\S(?s:.*)\nUser: ", done["chat"]["output"])


@evaluates
def test_python_finds_all_compiled_that_it_runs(done: dict[str, Any]) -> None:
    """What it does not find, or finds out of date, it compiles and writes."""
    assert done["compiled"] == []


@pytest.mark.needs("bitsandbytes", "liger-kernel", "tensorboard")
def test_every_module_can_be_imported(image: Image) -> None:
    answer = image.script("imports.py", options=NO_NETWORK, limit_s=LIMIT_S)
    # Megatron's adapter is another training engine; upstream makes users install it.
    assert answer["failed"].keys() <= {"llamafactory.train.mca"}, answer["failed"]
    assert answer["imported"] > 100
    assert answer["step"] > 0


def test_every_library_finds_what_it_needs(image: Image) -> None:
    answer = image.script("libraries.py", options=NO_NETWORK)
    assert answer["looked_at"] > 300
    # The driver's, which the container toolkit mounts on servers with GPUs.
    assert answer["missing"].keys() == {"libcuda.so.1"}, answer["missing"]
    assert len(answer["verbs"]) == 2


def test_every_removal_has_a_reason() -> None:
    """A comment directly above it, or above the rules that it follows without a blank line."""
    blocks = (ROOT / "stacks/cu128/trim.txt").read_text().split("\n\n")
    assert len(blocks) > 1
    assert all(block.startswith("#") for block in blocks)

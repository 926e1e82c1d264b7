"""Which files of a repository are downloaded."""

from __future__ import annotations

import pytest

from dsk.hub.choose import chosen

COMMON = ["config.json", "tokenizer.json", "modeling_own.py"]


def test_pickled_copies_are_left_out_where_safetensors_are() -> None:
    files = [
        *(*COMMON, "model-00001-of-00002.safetensors", "model.safetensors.index.json"),
        *("pytorch_model-00001-of-00002.bin", "pytorch_model.bin.index.json"),
    ]
    assert chosen(files) == files[:5]
    assert chosen(["model.safetensors", "pytorch_model.bin"]) == ["model.safetensors"]
    adapter = ["adapter_model.safetensors", "adapter_model.bin"]
    assert chosen(adapter) == adapter[:1]


@pytest.mark.parametrize(
    "files",
    [
        # Qwen2.5-Omni's speakers; LLaMA-Factory's reward models; a vision tower of its own.
        ["model.safetensors.index.json", "model-1.safetensors", "spk_dict.pt"],
        ["model.safetensors", "value_head.bin"],
        ["model.safetensors", "vision/tower.pth", "mean.bin"],
        # Other weights than those that safetensors has.
        ["adapter_model.safetensors", "pytorch_model.bin"],
        ["adapter_model.safetensors", "value_head.bin"],
        ["sub/model.safetensors", "pytorch_model.bin"],
        ["extra.safetensors", "pytorch_model.bin"],
        ["model.safetensors", "sub/pytorch_model.bin"],
    ],
)
def test_what_is_no_copy_of_the_weights_is_taken(files: list[str]) -> None:
    assert chosen([*COMMON, *files]) == [*COMMON, *files]


def test_copies_in_a_folder_are_left_out_there() -> None:
    files = ["a[1]/model.safetensors", "a[1]/pytorch_model.bin", "b/pytorch_model.bin"]
    assert chosen(files) == [files[0], files[2]]


def test_pickled_weights_are_taken_where_there_are_no_others() -> None:
    files = [*COMMON, "pytorch_model.bin", "tf_model.h5", "x.gguf", "onnx/model.onnx"]
    assert chosen(files) == [*COMMON, "pytorch_model.bin"]
    assert "adapter_model.bin" in chosen(["adapter_model.bin", "sub/x.safetensors"])


def test_what_no_job_reads_is_left_out() -> None:
    originals = ["original/consolidated.00.pth", "consolidated.00.pth", "consolidated.safetensors"]
    assert chosen(["model.safetensors", *originals]) == ["model.safetensors"]
    state = ["optimizer.pt", "checkpoint-5/rng_state_0.pth", "checkpoint-5/global_step5/x.pt"]
    assert chosen(["checkpoint-5/adapter_model.bin", *state]) == ["checkpoint-5/adapter_model.bin"]

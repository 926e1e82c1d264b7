"""Which files of a repository are downloaded."""

from __future__ import annotations

from dsk.hub.choose import chosen

COMMON = ["config.json", "tokenizer.json", "modeling_own.py"]


def test_pickled_twins_are_left_out_where_safetensors_are() -> None:
    files = [*COMMON, "model-1.safetensors", "pytorch_model-1.bin", "pytorch_model.bin.index.json"]
    assert chosen(files) == [*COMMON, "model-1.safetensors"]


def test_pickled_weights_are_taken_where_there_are_no_others() -> None:
    files = [*COMMON, "pytorch_model.bin", "tf_model.h5", "x.gguf", "onnx/model.onnx"]
    assert chosen(files) == [*COMMON, "pytorch_model.bin"]
    assert "adapter_model.bin" in chosen(["adapter_model.bin", "sub/x.safetensors"])


def test_another_programs_originals_are_left_out() -> None:
    assert chosen(["a.safetensors", "original/consolidated.00.pth"]) == ["a.safetensors"]

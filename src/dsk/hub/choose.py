"""Which files of a repository the ranks will read. Pure."""

from __future__ import annotations

import glob
import posixpath
from collections.abc import Collection
from fnmatch import fnmatch

NEVER = ("*.gguf", "*.h5", "*.msgpack", "*.onnx", "*.ot", "*.tflite", "onnx/*", "original/*")
"""Weights for other programs: transformers and peft do not read them."""

_TRAINER_FILES = ("optimizer.pt", "optimizer.bin", "scheduler.pt", "scaler.pt", "rng_state*.pth")
TRAINER_STATE = (*_TRAINER_FILES, *(f"*/{name}" for name in _TRAINER_FILES), "*global_step*/*")
"""What transformers' Trainer and DeepSpeed need to resume. A job resumes from a folder, never from
a hub."""

_COPIES = (
    "pytorch_model*.bin",
    "pytorch_model*.bin.index.json",
    # Under the names of Meta's and Mistral's own programs.
    "consolidated*.pth",
    "consolidated*.safetensors",
)
REPLACED = {
    "model.safetensors": _COPIES,
    "model.safetensors.index.json": _COPIES,
    "adapter_model.safetensors": ("adapter_model.bin",),
    "value_head.safetensors": ("value_head.bin",),
}
"""A file of weights, and patterns of copies of the same weights that are not read where it exists:
transformers, peft and LLaMA-Factory (load_valuehead_params) look for safetensors first."""


def left_out(files: Collection[str]) -> list[str]:
    """Patterns (fnmatch) of what need not be downloaded.

    Apart from files that nothing reads, these are copies of weights that exist as safetensors in
    the same folder. Any other pickled file is the model's own, such as Qwen2.5-Omni's spk_dict.pt.
    """
    patterns = [*NEVER, *TRAINER_STATE]
    for file in files:
        folder, name = posixpath.split(file)
        for copy in REPLACED.get(name, ()):
            pattern = posixpath.join(glob.escape(folder), copy)
            if pattern not in patterns:
                patterns.append(pattern)
    return patterns


def chosen(files: Collection[str]) -> list[str]:
    patterns = left_out(files)
    return [name for name in files if not any(fnmatch(name, pattern) for pattern in patterns)]

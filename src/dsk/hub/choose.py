"""Which files of a repository the ranks will read. Pure."""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatch

NEVER = ("*.gguf", "*.h5", "*.msgpack", "*.onnx", "*.ot", "*.tflite", "onnx/*", "original/*")
"""Weights for other programs: transformers and peft do not look at them."""
PICKLED = ("*.bin", "*.pt", "*.pth", "*.bin.index.json")


def left_out(files: Collection[str]) -> list[str]:
    """Patterns of what need not be downloaded: with safetensors there, the pickled twins too."""
    has_safetensors = any("/" not in name and name.endswith(".safetensors") for name in files)
    return [*NEVER, *(PICKLED if has_safetensors else ())]


def chosen(files: Collection[str]) -> list[str]:
    patterns = left_out(files)
    return [name for name in files if not any(fnmatch(name, pattern) for pattern in patterns)]

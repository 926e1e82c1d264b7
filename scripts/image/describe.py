"""Write down a stack: stack.json (versions as installed), recipe-keys.json (a train.yaml's keys).

Usage: describe.py STACK_ENV FOLDER STACK_NAME
"""

import json
import platform
import shlex
import sys
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from llamafactory.hparams.parser import _TRAIN_ARGS

LLAMAFACTORY = Path("/opt/llamafactory")
PACKAGES = (
    "torch",
    "deepspeed",
    "llamafactory",
    "transformers",
    "accelerate",
    "datasets",
    "peft",
    "trl",
)


def stack(settings: dict[str, str], name: str) -> dict[str, Any]:
    return {
        "name": name,
        "revision": int(settings["REVISION"]),
        "python": platform.python_version(),
        "accelerator": settings["ACCELERATOR"],
        "cuda": torch.version.cuda,
        **{package: version(package) for package in PACKAGES},
        "train_entry": settings["TRAIN_ENTRY"].split(),
    }


def type_name(annotation: Any) -> str:
    """As a reader would write it: `int`, `str | None`, `Literal['sft', 'dpo']`."""
    return (
        annotation.__name__
        if isinstance(annotation, type)
        else str(annotation).replace("typing.", "")
    )


def recipe_keys(settings: dict[str, str], name: str) -> dict[str, Any]:
    keys = {
        field.name: type_name(field.type)
        for arguments in _TRAIN_ARGS
        for field in fields(arguments)
        if field.init
    }
    datasets = json.loads((LLAMAFACTORY / "data/dataset_info.json").read_text(encoding="utf-8"))
    presets = LLAMAFACTORY.glob("examples/deepspeed/ds_*.json")
    return {
        "stack": name,
        "revision": int(settings["REVISION"]),
        "keys": dict(sorted(keys.items())),
        "presets": sorted(preset.name for preset in presets),
        "datasets": sorted(datasets),
    }


def main() -> None:
    env_file, folder = Path(sys.argv[1]), Path(sys.argv[2])
    words = shlex.split(env_file.read_text(), comments=True)
    settings = dict(word.split("=", 1) for word in words)
    for name, content in (
        ("stack.json", stack(settings, sys.argv[3])),
        ("recipe-keys.json", recipe_keys(settings, sys.argv[3])),
    ):
        (folder / name).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()

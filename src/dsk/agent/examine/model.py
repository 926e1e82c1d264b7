"""The model's config and size, and the templates that LLaMA-Factory knows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

RECIPE_KEYS = Path("/etc/dsk/recipe-keys.json")
TEMPLATES = Path("/opt/llamafactory/src/llamafactory/data/template.py")
_REGISTERED = re.compile(r"^register_template\(\s*\n?\s*name=\"([^\"]+)\"", re.MULTILINE)
READ_BYTES = 1 << 20
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")


def recipe_keys() -> str:
    """The image's own list of train.yaml's keys; "" where it holds no stack."""
    return RECIPE_KEYS.read_text(encoding="utf-8") if RECIPE_KEYS.exists() else ""


def read(path: str) -> str | None:
    """A small file's text, READ_BYTES at most; None where it cannot be read."""
    try:
        with Path(path).open(encoding="utf-8") as file:
            return file.read(READ_BYTES)
    except (OSError, ValueError):
        return None


def describe(path: str) -> dict[str, Any]:
    """`config` is empty where the folder has none, `weights` in bytes. Read from the program's
    text: importing it would take as long as a rank's start."""
    folder = Path(path)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        config = {}
    sizes = [sum(each.stat().st_size for each in folder.glob(kind)) for kind in WEIGHTS]
    try:
        templates = _REGISTERED.findall(TEMPLATES.read_text(encoding="utf-8"))
    except OSError:
        templates = []
    return {
        "config": config,
        "weights": next(filter(None, sizes), 0),
        "templates": templates,
    }

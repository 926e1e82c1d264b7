"""The worker: what it was built with, what Python finds now, what it computes on."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from dsk.accelerators import here
from dsk.agent import lock
from dsk.agent.identity import accelerators
from dsk.wire import PROTOCOL, paths

PACKAGES = (
    *("torch", "deepspeed", "transformers", "accelerate", "datasets", "peft", "trl"),
    "llamafactory",
)
"""Those whose versions decide a run, and which stack.json records."""


def look() -> dict[str, Any]:
    """Everything but the workspace."""
    kind = here()
    found = accelerators(kind)
    return {
        "protocol": PROTOCOL,
        "content_id": _text(paths.CONTENT_ID),
        "stack": json.loads(_text(paths.STACK) or "{}"),
        "packages": _packages(),
        "accelerator": kind,
        "gpus": found.count,
        "gpu_problem": found.problem and asdict(found.problem),
        "shm": shutil.disk_usage("/dev/shm").total,  # noqa: S108 - its size alone
        "job": lock.holder() or "",
    }


def _text(path: os.PathLike[str]) -> str:
    """Empty where an image holds no stack."""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def _packages() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found

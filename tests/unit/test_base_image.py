"""`make image` asks for an engine alone; debootstrap comes where a base image has to be made."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("target", "script"),
    [("image", "build-image.sh"), ("image-seed", "build-image.sh seed"), ("base", "base.sh")],
)
def test_make_asks_for_an_engine_and_nothing_else(target: str, script: str) -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "-n", target],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["scripts/engine.sh", f"scripts/{script}"]

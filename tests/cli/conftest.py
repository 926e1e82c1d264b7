"""dsk as a user starts it: the installed program, in a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

DSK = str(Path(sys.executable).with_name("dsk"))

CLUSTER = """\
name: lab
accelerator: cpu
nodes:
  - {host: 10.255.255.11, slots: 2}
  - {host: 10.255.255.12, slots: 2}
env: {NCCL_DEBUG: WARN, HF_TOKEN: s3cret}
"""
TRAIN: dict[str, Any] = {
    "model_name_or_path": "/workspace/models/m",
    "stage": "sft",
    "do_train": True,
    "finetuning_type": "lora",
    "dataset": "identity",
    "template": "qwen",
    "output_dir": "outputs/x",
    "deepspeed": "z2",
}


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Dsk:
    folder: Path

    def __call__(self, *words: str, code: int = 0, **env: str) -> Result:
        done = subprocess.run(
            [DSK, *words],
            cwd=self.folder,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        result = Result(done.returncode, done.stdout, done.stderr)
        assert result.code == code, f"{words}: {result}"
        assert "Traceback" not in result.err or "--debug" in words
        return result

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def train(self, **settings: Any) -> str:
        return str(self.write("train.yaml", json.dumps({**TRAIN, **settings})))


@pytest.fixture
def dsk(tmp_path: Path) -> Dsk:
    return Dsk(tmp_path)


@pytest.fixture
def in_cluster(dsk: Dsk) -> Dsk:
    """With a dsk.yaml of two nodes that nobody answers for."""
    dsk.write("dsk.yaml", CLUSTER)
    return dsk


@pytest.fixture
def here(dsk: Dsk) -> Callable[[], Dsk]:
    """With a dsk.yaml whose one node is this machine."""

    def make() -> Dsk:
        node = "nodes: [{host: 10.255.255.11, slots: 1, ssh: local}]"
        dsk.write("dsk.yaml", f"name: here\naccelerator: cpu\n{node}\n")
        return dsk

    return make

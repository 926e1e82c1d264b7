"""dsk as a user starts it, in a folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.cli.forks import Forks

needs_docker_program = pytest.mark.skipif(
    shutil.which("docker") is None, reason="the docker program is not installed"
)
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
    forks: Forks
    path: str

    def __call__(self, *words: str, code: int = 0, **env: str) -> Result:
        """Runs dsk in a fork; as a new process where Python itself reads one of the variables."""
        environment = {**os.environ, "PATH": self.path, **env}
        if any(name.startswith("PYTHON") for name in env):
            result = self._as_program(words, environment)
        else:
            result = self._as_fork(words, environment)
        assert result.code == code, f"{words}: {result}"
        assert "Traceback" not in result.err or "--debug" in words
        return result

    def _as_program(self, words: tuple[str, ...], env: dict[str, str]) -> Result:
        done = subprocess.run(
            [DSK, *words],
            cwd=self.folder,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def _as_fork(self, words: tuple[str, ...], env: dict[str, str]) -> Result:
        with TemporaryDirectory() as folder:
            out, err = Path(folder) / "out", Path(folder) / "err"
            code = self.forks.run([DSK, *words], folder=self.folder, env=env, out=out, err=err)
            return Result(code, out.read_text("utf-8"), err.read_text("utf-8"))

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def train(self, **settings: Any) -> str:
        return str(self.write("train.yaml", json.dumps({**TRAIN, **settings})))


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    made = Forks()
    yield made
    made.close()


@pytest.fixture(scope="session")
def nobody_answers(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH whose ssh is the real one, but connects to a closed port here: every server refuses
    the connection at once. Without it some networks let each attempt wait for ConnectTimeout."""
    folder = tmp_path_factory.mktemp("bin")
    ssh = shutil.which("ssh") or "ssh"
    (folder / "ssh").write_text(f'#!/bin/sh\nexec {ssh} -o HostName=127.0.0.1 -o Port=1 "$@"\n')
    (folder / "ssh").chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.fixture
def dsk(tmp_path: Path, forks: Forks, nobody_answers: str) -> Dsk:
    return Dsk(tmp_path, forks, nobody_answers)


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

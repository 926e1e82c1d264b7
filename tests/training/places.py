"""Where a training test runs: a container of the image, or the Python that runs the tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.image.engine import NAMES, docker

# With which a program finds the driver and the packages that are not in its own prefix.
INHERITED = ("LD_LIBRARY_PATH", "PYTHONPATH")

GPUS = ("--gpus=all", "--env=NVIDIA_DRIVER_CAPABILITIES=compute,utility")


def gpu_count() -> int:
    """How many NVIDIA GPUs this machine has, by the driver's own program."""
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True)
    return len(re.findall(r"^GPU \d", listed.stdout, re.MULTILINE))


@dataclass(frozen=True)
class Ended:
    status: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def output(self) -> str:
        return self.stdout + self.stderr


class Place(Protocol):
    @property
    def deepspeed(self) -> str:
        """The launcher's path there."""

    @property
    def llamafactory(self) -> Path:
        """LLaMA-Factory's tree there: src/, data/, examples/."""

    def python(
        self, words: Sequence[str], *, folder: Path, env: Mapping[str, str], limit_s: float
    ) -> Ended:
        """`python WORDS...` with little more than this environment; `folder` has its path there."""
        ...

    def program(self, name: str) -> str:
        """A program's path there."""
        ...


@dataclass(frozen=True)
class InContainer:
    """A container for each command, without network, as the user who runs the tests."""

    reference: str
    gpus: bool
    deepspeed: str = "/opt/venv/bin/deepspeed"
    llamafactory: Path = Path("/opt/llamafactory")

    def python(
        self, words: Sequence[str], *, folder: Path, env: Mapping[str, str], limit_s: float
    ) -> Ended:
        name = f"{NAMES}-training"
        argv = [
            "docker", "run", "--rm", "--init", f"--name={name}", "--network=none", "--shm-size=1g",
            f"--user={os.getuid()}:{os.getgid()}", f"--volume={folder}:{folder}",
            f"--workdir={folder}", *(GPUS if self.gpus else ()),
            *(f"--env={key}={value}" for key, value in env.items()),
            "--entrypoint=/opt/venv/bin/python", self.reference, *words,
        ]  # fmt: skip
        try:
            return _run(argv, folder=folder, env=os.environ, limit_s=limit_s)
        finally:
            docker("rm", "--force", name, check=False)

    def program(self, name: str) -> str:
        return f"/usr/bin/{name}"


class Here:
    """The Python that runs the tests, which has to have all of the stack."""

    def __init__(self, llamafactory: Path) -> None:
        self.llamafactory = llamafactory
        self.deepspeed = self.program("deepspeed")

    def python(
        self, words: Sequence[str], *, folder: Path, env: Mapping[str, str], limit_s: float
    ) -> Ended:
        kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
        return _run([sys.executable, *words], folder=folder, env={**kept, **env}, limit_s=limit_s)

    def program(self, name: str) -> str:
        found = shutil.which(name)
        assert found, f"{name} is not on PATH"
        return found


def _run(argv: Sequence[str], *, folder: Path, env: Mapping[str, str], limit_s: float) -> Ended:
    start = time.monotonic()
    done = subprocess.run(
        argv, cwd=folder, env=env, timeout=limit_s, check=False, text=True,
        stdin=subprocess.DEVNULL, capture_output=True,
    )  # fmt: skip
    return Ended(done.returncode, done.stdout, done.stderr, time.monotonic() - start)

"""Where the GPU tests run (docs/gpu.md), and the figures that they print at the end."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.image.engine import docker
from tests.training.places import GPUS, Here, InContainer, Place
from tests.training.runs import Site

HERE = Path(__file__).parent
IMAGE = os.environ.get("DSK_IMAGE", "dsk:cu128")
TREE = os.environ.get("DSK_LLAMAFACTORY")
FIGURES = pytest.StashKey[list[str]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    why = no_gpu()
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.gpu)
            if why:
                item.add_marker(pytest.mark.skip(reason=why))


def no_gpu() -> str | None:
    """Why there is no GPU here, by the driver's own program; None where there is one."""
    if shutil.which("nvidia-smi") is None:
        return "no NVIDIA GPU here: nvidia-smi is not on PATH"
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60, check=False
        )
    except subprocess.TimeoutExpired:
        return "no NVIDIA GPU that works here: nvidia-smi -L does not answer"
    if listed.returncode or "GPU 0" not in listed.stdout:
        return f"no NVIDIA GPU here: nvidia-smi -L says {listed.stdout}{listed.stderr}".strip()
    return None


@pytest.fixture(scope="session")
def place() -> Place:
    """The image; or this Python, with the LLaMA-Factory that DSK_LLAMAFACTORY names.

    With a GPU here, an image that is missing or an engine that gives no GPU is a failure.
    """
    if TREE is not None:
        return Here(Path(TREE).resolve())
    seen = docker("run", "--rm", "--network=none", *GPUS, IMAGE, "nvidia-smi", "-L", check=False)
    if seen.returncode:
        pytest.fail(
            f"{IMAGE} sees no GPU (make image; NVIDIA's container toolkit): {seen.stderr.strip()}"
        )
    return InContainer(IMAGE, gpus=True)


@pytest.fixture(scope="session")
def site(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = Site(place, "cuda", tmp_path_factory.mktemp("gpu"))
    made.make_model()
    return made


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> list[str]:
    """Lines for the end of the tests' output."""
    return pytestconfig.stash.setdefault(FIGURES, [])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if lines := config.stash.get(FIGURES, []):
        terminalreporter.section("measured on the GPU")
        for line in lines:
            terminalreporter.write_line(line)

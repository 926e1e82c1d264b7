"""The image as a fixture. It is not built here: `make image` does that and takes minutes."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.image.engine import Image, docker, remove_left_over

HERE = Path(__file__).parent
STACKS = HERE.parents[1] / "stacks"
REFERENCE = os.environ.get("DSK_IMAGE", "dsk:cu128")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.image)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """`needs`: packages that not every stack has. Before any fixture, which may train for long."""
    for marker in item.iter_markers("needs"):
        name = stack_of(REFERENCE)["name"]
        lock = (STACKS / name / "requirements.txt").read_text()
        lacking = set(marker.args) - set(re.findall(r"^([\w.-]+)==", lock, re.M))
        if lacking:
            pytest.skip(f"stack {name} goes without {', '.join(sorted(lacking))}")


@functools.cache
def stack_of(reference: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Image(reference).run(["cat", "/etc/dsk/stack.json"]).stdout)
    return found


@pytest.fixture(scope="session")
def image() -> Image:
    """Fails where it is missing: skipped tests would look like a good image."""
    if shutil.which("docker") is None:
        pytest.fail(
            "the docker program is missing; scripts/engine.sh installs and starts an engine"
        )
    found = docker("image", "inspect", REFERENCE, check=False)
    if found.returncode:
        pytest.fail(f"the image {REFERENCE} is not there: {found.stderr.strip()}\nmake image")
    remove_left_over()
    return Image(REFERENCE)


@pytest.fixture(scope="session")
def stack(image: Image) -> dict[str, Any]:
    """What the image says of its stack; stacks/NAME holds what it was made from."""
    return stack_of(image.reference)

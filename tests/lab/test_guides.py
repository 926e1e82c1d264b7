"""README and the guides, typed: every command block in order and as printed (reader.py)."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosts import Lab
from tests.lab.reader import NAME, Reader, Scenario
from tests.lab.scenarios import CARRIED, OTHER, SCENARIOS

pytestmark = [pytest.mark.lab, pytest.mark.full, pytest.mark.timeout(1800)]


@pytest.fixture
def servers(lab: Lab) -> Iterator[Lab]:
    """Without a workspace of the guides' cluster, before and after."""
    _forget(lab)
    yield lab
    _forget(lab)


def _forget(lab: Lab) -> None:
    for node in lab.nodes:
        shutil.rmtree(node.workspace / NAME, ignore_errors=True)
        node.docker("image", "rm", "--force", CARRIED, OTHER, check=False)
    here = ["docker", "image", "rm", "--force", CARRIED]
    subprocess.run(here, check=False, capture_output=True)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.file)
def test_a_guide_as_printed(servers: Lab, scenario: Scenario, tmp_path: Path) -> None:
    reader = Reader(servers, tmp_path, scenario)
    try:
        reader.read_through()
    finally:
        if reader.cluster.file.exists():
            reader.dsk("down", "--force")

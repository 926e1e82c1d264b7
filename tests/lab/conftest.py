"""The lab as a fixture. Its code is tests/lab/hosts/, which a person uses through scripts/lab."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from hosts import Lab
from hosts.record import machine_lock

IMAGE = os.environ.get("DSK_IMAGE", "dsk:cu128")


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Two fresh hosts with the image. Ends any lab that runs here before, and its own after."""
    if os.geteuid() != 0:
        pytest.skip("the lab needs root: network namespaces and two Docker engines")
    with machine_lock(wait=900):
        try:
            yield Lab.up(nodes=2, images=[IMAGE], fresh=True)
        finally:
            if running := Lab.running():
                running.down()

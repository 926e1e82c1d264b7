"""Servers with this machine's GPUs: containers of the image, or without Docker bare.py's."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from tests.gpu import bare
from tests.gpu.conftest import IMAGE, TREE
from tests.image import servers as containers
from tests.image.servers import Servers


def running(
    folder: Path, each: Sequence[Sequence[int]]
) -> contextlib.AbstractContextManager[Servers]:
    """A server for each, with these GPUs."""
    if TREE is not None:
        return bare.running(folder, each)
    options = [
        [
            f'--gpus="device={",".join(map(str, own))}"',
            "--env=NVIDIA_DRIVER_CAPABILITIES=compute,utility",
        ]
        for own in each
    ]
    return containers.running(folder, IMAGE, options)

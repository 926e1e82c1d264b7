"""Servers with this machine's GPUs: containers of the image, or without Docker bare.py's."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from tests.gpu import bare
from tests.gpu.conftest import IMAGE, TREE
from tests.image import servers as containers
from tests.image.servers import Servers
from tests.training.places import gpu_count

NONE: Mapping[str, str] = MappingProxyType({})


def two_servers() -> list[list[int]]:
    """The GPUs of two servers: one each.

    A machine's only GPU is in both. NCCL takes them for two hosts, since their names differ, and so
    does not refuse two ranks on one GPU.
    """
    return [[0], [1 % gpu_count()]]


def running(
    folder: Path, each: Sequence[Sequence[int]], settings: Mapping[str, str] = NONE
) -> contextlib.AbstractContextManager[Servers]:
    """A server for each, with these GPUs; `settings` are variables of the worker (DSK_…)."""
    if TREE is not None:
        return bare.running(folder, each, settings)
    options = [
        [
            f'--gpus="device={",".join(map(str, own))}"',
            "--env=NVIDIA_DRIVER_CAPABILITIES=compute,utility",
            *(f"--env={name}={value}" for name, value in settings.items()),
        ]
        for own in each
    ]
    return containers.running(folder, IMAGE, options)

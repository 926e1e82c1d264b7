"""The NVIDIA driver of a server against what an image needs. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from dsk.errors import DskError

CUDA = "dsk.cuda"
MIN_DRIVER = "dsk.min-driver"
"""Labels of the image, from its stack's stack.env."""

# `NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug …`, and since 515 also
# `NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  560.35.03  Release Build …`.
_VERSION = re.compile(r"Kernel Module\s+(?:for \S+\s+)?(\d+(?:\.\d+)+)")


def version(text: str) -> str:
    """Of /proc/driver/nvidia/version's text; empty where it names none."""
    found = _VERSION.search(text)
    return found[1] if found else ""


def problem(labels: Mapping[str, str], there: str, where: str) -> DskError | None:
    """Why the driver `there` cannot run an image with these labels; one without takes any."""
    needed = labels.get(MIN_DRIVER, "")
    if not needed or not there or _numbers(there) >= _numbers(needed):
        return None
    return DskError(
        f"NVIDIA driver {there} is too old for the image's CUDA {labels.get(CUDA, '')}, "
        f"which needs {needed} or newer",
        where=where,
        fix=f"install a driver from {needed.split('.')[0]} on there, or use an image with an older "
        "CUDA (image in dsk.yaml)",
    )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdecimal())

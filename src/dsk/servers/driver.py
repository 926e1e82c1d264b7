"""The driver of a server against what an image needs. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from dsk.accelerators import Accelerator
from dsk.errors import DskError, UserError
from dsk.text import Text

CUDA = "dsk.cuda"
MIN_DRIVER = "dsk.min-driver"
ACCELERATOR = "dsk.accelerator"
LABELS = (ACCELERATOR, CUDA, MIN_DRIVER)
"""Of the image, from its stack's stack.env."""


def version(devices: Accelerator, text: str) -> str:
    """Of what `server_driver` printed; empty where it names none."""
    found = re.search(devices.driver_version, text) if devices.driver_version else None
    return found[1] if found else ""


def problem(
    devices: Accelerator, labels: Mapping[str, str], there: str, where: str
) -> DskError | None:
    """Why `devices` with the driver `there` cannot run an image with these labels; one without
    takes any."""
    if (built_for := labels.get(ACCELERATOR, devices.name)) != devices.name:
        return UserError(
            Text("accelerator: {devices}, but the image's stack is for {built_for}").filled(
                devices=devices.name, built_for=built_for
            ),
            where=where,
            fix=Text(
                "write accelerator: {built_for} in dsk.yaml, or the image of another stack"
            ).filled(built_for=built_for),
        )
    needed = labels.get(MIN_DRIVER, "")
    if not needed or not there or _numbers(there) >= _numbers(needed):
        return None
    return DskError(
        Text(
            "{maker} driver {here} is too old for the image's CUDA {cuda}, which needs "
            "{needed} or newer"
        ).filled(maker=devices.maker, here=there, cuda=labels.get(CUDA, ""), needed=needed),
        where=where,
        fix=Text(
            "there: install driver {major} or newer, or use an image with an older CUDA "
            "(image in dsk.yaml)"
        ).filled(major=needed.split(".")[0]),
    )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdecimal())

"""The kinds of accelerators, one file of accelerators/ for each. Standard library only; every room
may use it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from dsk import variables

_FILES = files("dsk.assets") / "accelerators"
_SUFFIX = ".env"


@dataclass(frozen=True)
class Accelerator:
    """What differs between kinds; text that a kind does not have is "".

    `maker` and `tool` are for people. `deepspeed` is DeepSpeed's and torch's name of the device
    (DS_ACCELERATOR), `backend` torch.distributed's of its collectives, `visible_devices` the
    variable that chooses devices. `overlay` and `demo_overlay` are files of compose/.

    On a server, for `sh -c`: `server_devices` prints a line a device, `server_driver` what the
    regular expression `driver_version` finds the driver's version in, and `server_look` all that is
    known of the GPUs, as `nvidia-smi -q -x` has it. `runtime` is the engine's that hands devices
    in, "" where Compose does; `runtime_install` are commands.

    In a worker, programs with their arguments, without a shell that would outlive its limit for
    one that hangs: `worker_devices` prints lines of which those that match `device_line` are
    devices; "" has none to count. `figures` prints index, use in %, memory used and there in MiB,
    °C and W of each.
    """

    name: str
    maker: str = ""
    tool: str = ""
    deepspeed: str = ""
    backend: str = ""
    visible_devices: str = ""
    overlay: str = ""
    demo_overlay: str = ""
    runtime: str = ""
    runtime_install: str = ""
    server_devices: str = ""
    server_driver: str = ""
    driver_version: str = ""
    server_look: str = ""
    worker_devices: str = ""
    device_line: str = ""
    figures: str = ""


@cache
def names() -> tuple[str, ...]:
    """As `accelerator:` in dsk.yaml has them."""
    return tuple(
        sorted(
            file.name.removesuffix(_SUFFIX)
            for file in _FILES.iterdir()
            if file.name.endswith(_SUFFIX)
        )
    )


@cache
def accelerator(name: str) -> Accelerator:
    """Raises ValueError where there is none of that name."""
    if name not in names():
        raise ValueError(f"'{name}' should be one of {', '.join(names())}")
    values = variables.parse((_FILES / f"{name}{_SUFFIX}").read_text(encoding="utf-8"))
    return Accelerator(name, **{key.lower(): value for key, value in values.items()})


def here() -> str:
    """The name of this worker's; a process that was told none computes on the processor."""
    return os.environ.get("DSK_ACCELERATOR") or os.environ.get("DS_ACCELERATOR") or "cpu"

"""What this worker is: the supervisor starts nothing unless all workers agree."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path
from re import fullmatch

from dsk.accelerators import accelerator, here
from dsk.text import Text, verbatim
from dsk.wire import PROTOCOL, paths
from dsk.wire.operations import Devices, Identity

LIMIT_S = 30


def identity(workspace: str) -> Identity:
    return Identity(
        PROTOCOL,
        content_id=Path(paths.CONTENT_ID).read_text().strip(),
        stack=json.loads(Path(paths.STACK).read_text()),
        accelerator=here(),
        workspace=Path(workspace).is_dir() and os.access(workspace, os.W_OK),
    )


def accelerators(kind: str) -> Devices:
    """How many accelerators a rank would find here, and what was wrong where none is found.

    Asks the driver, as a container can lose its GPUs while it runs (systemd's daemon-reload); a
    CPU node has as many slots as its user says.
    """
    known = accelerator(kind)
    if not (argv := shlex.split(known.worker_devices)):
        return Devices(None)
    program = argv[0]
    try:
        listing = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except FileNotFoundError:
        text = Text("{program} is not in the worker: it was started without GPUs")
        return Devices(0, text.filled(program=program))
    except subprocess.TimeoutExpired:
        text = Text("{program} did not answer within {limit} s")
        return Devices(0, text.filled(program=program, limit=LIMIT_S))
    found = [line for line in listing.stdout.splitlines() if fullmatch(known.device_line, line)]
    said = (listing.stdout + listing.stderr).strip()
    problem = Text("it has no devices: it was started without them")
    if said:
        problem = verbatim(said)
    return Devices(len(found), problem if listing.returncode or not found else None)

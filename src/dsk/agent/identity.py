"""What this worker is: the supervisor starts nothing unless all workers agree."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
from pathlib import Path
from re import fullmatch
from typing import Any

from dsk import __version__
from dsk.accelerators import accelerator, here
from dsk.wire import PROTOCOL, paths

LIMIT_S = 30


def identity(workspace: str) -> dict[str, Any]:
    """Protocol, versions, the image's content id, and whether the workspace can be written."""
    return {
        "protocol": PROTOCOL,
        "dsk": __version__,
        "content_id": Path(paths.CONTENT_ID).read_text().strip(),
        "stack": json.loads(Path(paths.STACK).read_text()),
        "hostname": socket.gethostname(),
        "interface": os.environ.get("GLOO_SOCKET_IFNAME", ""),
        "accelerator": here(),
        "workspace": Path(workspace).is_dir() and os.access(workspace, os.W_OK),
    }


def accelerators(kind: str) -> dict[str, Any]:
    """How many accelerators a rank would find here, and what was wrong where none is found.

    Asks the driver, as a container can lose its GPUs while it runs (systemd's daemon-reload); a
    CPU node has as many slots as its user says.
    """
    known = accelerator(kind)
    if not (argv := shlex.split(known.worker_devices)):
        return {"count": None, "problem": ""}
    program = argv[0]
    try:
        listing = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except FileNotFoundError:
        return {
            "count": 0,
            "problem": f"{program} is not in the worker: it was started without GPUs",
        }
    except subprocess.TimeoutExpired:
        return {"count": 0, "problem": f"{program} did not answer within {LIMIT_S} s"}
    found = [line for line in listing.stdout.splitlines() if fullmatch(known.device_line, line)]
    said = (listing.stdout + listing.stderr).strip()
    problem = said or "no device is there: it was started without them"
    return {"count": len(found), "problem": problem if listing.returncode or not found else ""}

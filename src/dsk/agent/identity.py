"""What this worker is: the supervisor starts nothing unless all workers agree."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

from dsk import __version__
from dsk.wire import PROTOCOL, paths


def identity(workspace: str) -> dict[str, Any]:
    """Protocol, versions, the image's content id, and whether the workspace can be written."""
    return {
        "protocol": PROTOCOL,
        "dsk": __version__,
        "content_id": Path(paths.CONTENT_ID).read_text().strip(),
        "stack": json.loads(Path(paths.STACK).read_text()),
        "hostname": socket.gethostname(),
        "interface": os.environ.get("GLOO_SOCKET_IFNAME", ""),
        "accelerator": os.environ.get("DS_ACCELERATOR", ""),
        "workspace": Path(workspace).is_dir() and os.access(workspace, os.W_OK),
    }


def accelerators(kind: str) -> dict[str, Any]:
    """How many accelerators a rank would find here, and what was wrong where none is found.

    Asks the driver, as a container can lose its GPUs while it runs (systemd's daemon-reload); a
    CPU node has as many slots as its user says.
    """
    if kind == "cpu":
        return {"count": None, "problem": ""}
    try:
        listing = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=False
        )
    except FileNotFoundError:
        return {
            "count": 0,
            "problem": "nvidia-smi is not in the worker: it was started without GPUs",
        }
    except subprocess.TimeoutExpired:
        return {"count": 0, "problem": "nvidia-smi did not answer within 30 s"}
    gpus = [line for line in listing.stdout.splitlines() if line.startswith("GPU ")]
    problem = (listing.stdout + listing.stderr).strip() if listing.returncode or not gpus else ""
    return {"count": len(gpus), "problem": problem}

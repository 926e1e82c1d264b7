"""`dsk-agent verify`: what this image holds, and whether it does what it was built for."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distributions
from pathlib import Path

from dsk import __version__
from dsk.accelerators import accelerator
from dsk.agent import content_id, records
from dsk.wire import paths
from dsk.wire.imagefacts import NO_STACK, ImageFacts

PROOF_LIMIT_S = 600.0
DPKG_LIMIT_S = 60.0


def facts(*, deep: bool) -> ImageFacts:
    """`deep`: every file of every Python package is read too, some seconds a gigabyte."""
    stack = os.environ.get("DSK_STACK", NO_STACK)
    files = content_id.content_files()
    return ImageFacts(
        stack=stack,
        dsk=__version__,
        python=_installed_python(),
        debian=_installed_debian(),
        recorded_debian=_pairs(Path(paths.DEBIAN_PACKAGES).read_text()),
        content_id=content_id.digest(files),
        recorded_content_id=Path(paths.CONTENT_ID).read_text().strip(),
        files=files,
        recorded_files=content_id.read_listing(Path(paths.CONTENT_FILES).read_text()),
        proofs={} if stack == NO_STACK else _proofs(),
        altered=records.altered(Path(sys.prefix), stack) if deep else None,
    )


def normalized(name: str) -> str:
    """PEP 503: `typing_extensions` and `Typing.Extensions` are one package."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _installed_python() -> dict[str, str]:
    """One without a name lost its METADATA, and counts as not there."""
    named = ((each.metadata["Name"], each) for each in distributions())
    return {normalized(name): each.version for name, each in named if name}


def _installed_debian() -> dict[str, str]:
    listed = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Version}\n"],
        capture_output=True,
        text=True,
        timeout=DPKG_LIMIT_S,
        check=True,
    )
    return _pairs(listed.stdout)


def _pairs(text: str) -> dict[str, str]:
    split = (line.partition(" ") for line in text.splitlines())
    return {package: version for package, _, version in split}


def _proofs() -> dict[str, str]:
    """Programs, each with the accelerator for DeepSpeed. No device is needed."""
    built_for = json.loads(Path(paths.STACK).read_text())["accelerator"]
    proofs = {"read_args": ("read_args.py", "cpu")}
    for device in ("cpu", accelerator(built_for).deepspeed):
        proofs[f"ops for {device.upper()}"] = ("ops.py", device)
    with ThreadPoolExecutor(len(proofs)) as pool:
        problems = pool.map(lambda proof: _problem(*proof), proofs.values())
        return dict(zip(proofs, problems, strict=True))


def _problem(program: str, device: str) -> str:
    """What a proof complains of, in one line; empty where it holds."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(paths.PROOFS / program)],
            env={**os.environ, "DS_ACCELERATOR": device},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROOF_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {PROOF_LIMIT_S:g} s"
    if done.returncode == 0:
        return ""
    said = (done.stderr or done.stdout).strip().splitlines()
    return said[-1] if said else f"exit code {done.returncode}"

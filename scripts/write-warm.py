"""Writes a stack's warm-modules.txt and warm-variables.txt, from real runs in its image.

Usage: write-warm.py [IMAGE [STACK]] (dsk:cu128, cu128). Takes some minutes, and Docker.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
INSIDE = ROOT / "scripts/warm"
HEAD = "# Made by scripts/write-warm.py from real runs in the image; docs/warm-starts.md.\n"
SHIM = "gcc -O1 -shared -fPIC -o /tmp/getenv.so /warm/getenv.c -ldl"
READ_UNSEEN = (
    # By Python itself, before any hook is there.
    "PYTHON*",
    # By the dynamic linker and the C library.
    *("LD_*", "GLIBC_TUNABLES", "MALLOC_*", "LC_*", "LOCPATH"),
    # By OpenMP's libraries, some of which look through the environment without getenv(3).
    *("OMP_*", "GOMP_*", "KMP_*", "MKL_*"),
)
DECIDES_NOTHING = {
    # Asked at import for whether there is a GPU at all. A rank has always one or more; which ones
    # is read again when the rank uses CUDA.
    "CUDA_VISIBLE_DEVICES",
}


def main(image: str = "dsk:cu128", stack: str = "cu128") -> None:
    runs: dict[str, list[str]] = inside(image, ["python", "/warm/runs.py"])
    order = list(dict.fromkeys(module for run in runs.values() for module in run))
    found = inside(
        image,
        ["sh", "-c", f"{SHIM} && LD_PRELOAD=/tmp/getenv.so python /warm/reads.py"],
        text=json.dumps(order),
        env={"GETENV_LOG": "/tmp/getenv.log", "DS_ACCELERATOR": "cpu", "OMP_NUM_THREADS": "1"},  # noqa: S108 - the container's
    )
    if found["wholes"]:
        sys.exit(f"whatever the environment holds is read at {', '.join(found['wholes'])}")
    folder = ROOT / "stacks" / stack
    write(folder / "warm-modules.txt", found["modules"])
    variables = ({*found["variables"], *READ_UNSEEN}) - DECIDES_NOTHING
    write(folder / "warm-variables.txt", sorted(variables))


def inside(
    image: str, command: Sequence[str], *, text: str = "", env: dict[str, str] | None = None
) -> Any:
    """What a program in a container of the image prints last, as JSON."""
    settings = [f"--env={name}={value}" for name, value in (env or {}).items()]
    options = ["--rm", "--interactive", "--network=none", "--shm-size=1g", *settings]
    argv = ["docker", "run", *options, f"--volume={INSIDE}:/warm:ro", image, *command]
    done = subprocess.run(argv, input=text, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def write(path: Path, lines: Sequence[str]) -> None:
    path.write_text(HEAD + "".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    main(*sys.argv[1:])

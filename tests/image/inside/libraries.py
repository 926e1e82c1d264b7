"""What the venv's libraries and programs need, and what of it is nowhere in the image.

Out: {"looked_at": number, "missing": {needed library: [who needs it, ...]}, "verbs": [what was
loaded of that, ...]}.
"""

import ctypes
import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

VENV = Path("/opt/venv")


def needed(files: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(file, needed library) of each entry; readelf is silent about files that are no ELF."""
    done = subprocess.run(
        ["readelf", "-d", *files], capture_output=True, text=True, env={"LC_ALL": "C"}, check=False
    )
    name = files[0]
    for line in done.stdout.splitlines():
        if line.startswith("File: "):
            name = line.removeprefix("File: ")
        elif found := re.search(r"\(NEEDED\).*\[(.+)\]", line):
            yield name, found[1]


def main() -> None:
    files = [
        path
        for path in VENV.rglob("*")
        if path.is_file() and not path.is_symlink() and path.open("rb").read(4) == b"\x7fELF"
    ]
    # Python packages load the libraries that they ship before those that need them, so a place in
    # the venv is enough here; that the order is right is seen by importing them.
    present = {path.name for path in VENV.rglob("*.so*")}
    cache = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True)
    present |= {line.split()[0] for line in cache.stdout.splitlines()[1:]}
    missing: dict[str, list[str]] = {}
    for file, library in needed([str(path) for path in files]):
        if library not in present:
            missing.setdefault(library, []).append(str(Path(file).relative_to(VENV)))
    # NCCL opens these by name, and goes on without InfiniBand where they are not there.
    verbs = [ctypes.CDLL(name)._name for name in ("libibverbs.so.1", "libmlx5.so.1")]
    print(json.dumps({"looked_at": len(files), "missing": missing, "verbs": verbs}))


main()

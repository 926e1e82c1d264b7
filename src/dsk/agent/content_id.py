"""What identifies the content of an image: a container cannot see its own digest.

Only what a build puts there is hashed, and no .pyc: the same content gives the same id on every
build and node.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

DPKG_STATUS = Path("/var/lib/dpkg/status")
TRIMMED = Path("/etc/dsk/trim")
"""What was taken out of the packages, which their RECORDs still name."""
TREES = (Path("/opt/llamafactory"), Path("/usr/local/lib/dsk"))


def content_id() -> str:
    """`sha256:<hex>` over the packages (Python, Debian), DeepSpeed's ops, LLaMA-Factory, dsk."""
    return digest(image_files(Path(sys.prefix)))


def image_files(venv: Path) -> list[Path]:
    """The files that stand for the whole image: a package's RECORD holds its files' hashes."""
    site_packages = next(venv.glob("lib/python3*/site-packages"))
    files = [DPKG_STATUS, TRIMMED, *site_packages.glob("*.dist-info/RECORD")]
    files += site_packages.glob("deepspeed/ops/**/*.so")
    files += site_packages.glob("dsk/**/*.py")
    for tree in TREES:
        files += tree.rglob("*")
    return [path for path in files if path.is_file() and path.suffix != ".pyc"]


def digest(files: Iterable[Path]) -> str:
    """One SHA-256 over path and content of the files, whatever order they come in."""
    total = hashlib.sha256()
    for path in sorted(set(files)):
        total.update(f"{path}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return f"sha256:{total.hexdigest()}"

"""What identifies the content of an image: a container cannot see its own digest.

Only what a build puts there is hashed, and no .pyc: the same content gives the same id on every
build and node.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

DPKG_STATUS = Path("/var/lib/dpkg/status")
TRIMMED = Path("/etc/dsk/trim")
"""What was taken out of the packages, which their RECORDs still name."""
TREES = (Path("/opt/llamafactory"), Path("/usr/local/lib/dsk"))


def content_id() -> str:
    """`sha256:<hex>` over the packages (Python, Debian), DeepSpeed's ops, LLaMA-Factory, dsk."""
    return digest(content_files())


def content_files() -> dict[str, str]:
    """SHA-256 by path of every file that the id stands for."""
    return hashes(image_files(Path(sys.prefix)))


def image_files(venv: Path) -> list[Path]:
    """The files that stand for the whole image: a package's RECORD holds its files' hashes."""
    site_packages = next(venv.glob("lib/python3*/site-packages"))
    files = [DPKG_STATUS, TRIMMED, *site_packages.glob("*.dist-info/RECORD")]
    files += site_packages.glob("deepspeed/ops/**/*.so")
    files += site_packages.glob("dsk/**/*.py")
    for tree in TREES:
        files += tree.rglob("*")
    return [path for path in files if path.is_file() and path.suffix != ".pyc"]


def hashes(files: Iterable[Path]) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def listing(files: Mapping[str, str]) -> str:
    """As `sha256sum --check` reads it, sorted: the image's own is /etc/dsk/content-files."""
    return "".join(f"{files[path]}  {path}\n" for path in sorted(files))


def read_listing(text: str) -> dict[str, str]:
    lines = (line.split("  ", 1) for line in text.splitlines())
    return {path: sha256 for sha256, path in lines}


def digest(files: Mapping[str, str]) -> str:
    """The SHA-256 of the listing, in whatever order the files come."""
    return f"sha256:{hashlib.sha256(listing(files).encode()).hexdigest()}"

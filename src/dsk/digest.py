"""What a file holds, as a SHA-256. Standard library only; every room may use it."""

from __future__ import annotations

import hashlib
from pathlib import Path

CHUNK = 1 << 20


def sha256(path: Path) -> bytes:
    """32 bytes, read in parts: a file may be larger than the memory. Raises OSError."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            total.update(chunk)
    return total.digest()

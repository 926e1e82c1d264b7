"""How much room there is where an engine keeps its images."""

from __future__ import annotations

# For a shell: prints KiB, or "-" where that place is not on this server, as with Docker Desktop or
# an engine whose socket alone is mounted here.
FREE = r"""
root=$(docker info --format '{{.DockerRootDir}}') || exit 1
df -Pk "$root" 2>/dev/null | awk 'NR == 2 { print $4; found = 1 } END { if (!found) print "-" }'
"""


def read(line: str) -> int | None:
    """Bytes; None where it is not known. Pure."""
    return int(line) * 1024 if line.isdecimal() else None

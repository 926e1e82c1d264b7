"""`.dsk/` beside dsk.yaml: what dsk generates and keeps, out of git and out of others' sight."""

from __future__ import annotations

from dsk.cluster.model import Cluster
from dsk.files import write_atomic


def ensure_state_dir(cluster: Cluster) -> None:
    folder = cluster.state_dir
    folder.mkdir(mode=0o700, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        write_atomic(ignore, b"*\n")

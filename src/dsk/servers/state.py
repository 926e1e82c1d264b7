"""`.dsk/` beside dsk.yaml: what dsk generates and keeps, out of git and out of others' sight."""

from __future__ import annotations

import getpass
import platform
import secrets

from dsk.cluster.model import Cluster
from dsk.files import write_atomic


def ensure_state_dir(cluster: Cluster) -> None:
    folder = cluster.state_dir
    folder.mkdir(mode=0o700, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        write_atomic(ignore, b"*\n")


def ensure_owner(cluster: Cluster) -> str:
    """Whose workers this cluster's are. Written once, so that all who share the folder agree."""
    if not (owner := existing_owner(cluster)):
        ensure_state_dir(cluster)
        try:
            who = getpass.getuser()
        except (KeyError, OSError):  # a uid without a name
            who = "somebody"
        where = f"{who}@{platform.node()}:{cluster.file.absolute()}"
        owner = f"{where} {secrets.token_hex(4)}"
        write_atomic(cluster.state_dir / "owner", f"{owner}\n".encode(errors="replace"))
    return existing_owner(cluster) or owner


def existing_owner(cluster: Cluster) -> str:
    """Empty where nobody has brought the cluster up from here."""
    try:
        text = (cluster.state_dir / "owner").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return " ".join(text.split())

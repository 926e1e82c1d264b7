"""ed25519 keys, made and read by OpenSSH's own ssh-keygen."""

from __future__ import annotations

from pathlib import Path

from dsk.connect import processes
from dsk.errors import UserError
from dsk.text import Text

LIMIT_S = 20.0


def generate(path: Path, comment: str) -> None:
    """Writes `path` (0600) and `path`.pub. Raises UserError."""
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)]
    done = processes.run(argv, timeout=LIMIT_S)
    if done.returncode:
        raise UserError(
            Text("ssh-keygen failed: {said}").filled(said=done.error or done.text),
            where=str(path),
        )


def public_half(path: Path) -> str:
    """`ssh-ed25519 AAAA…` of a private key. Raises UserError where it is none."""
    done = processes.run(["ssh-keygen", "-y", "-P", "", "-f", str(path)], timeout=LIMIT_S)
    if done.returncode:
        raise UserError(
            Text("ssh-keygen cannot read this private key: {error}").filled(error=done.error),
            where=str(path),
            fix=Text("remove it: dsk creates a new one"),
        )
    return " ".join(done.text.split()[:2])

"""The worker's own keys: their modes, and taking them from the bundle again."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from dsk.wire import paths

OTHERS = stat.S_IRWXG | stat.S_IRWXO
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
SSH = (*paths.SSH_MATERIAL, "config")


def modes() -> dict[str, str]:
    """What others than root may use of what sshd and ssh want private, with its mode."""
    return {
        str(path): f"{stat.S_IMODE(path.stat().st_mode):04o}"
        for path in _private()
        if path.stat().st_mode & OTHERS
    }


def mend() -> list[str]:
    """Makes them private again; which were not."""
    open_files = list(modes())
    for name in open_files:
        path = Path(name)
        path.chmod(PRIVATE_FOLDER if path.is_dir() else PRIVATE_FILE)
    return open_files


def mend_known_hosts() -> bool:
    """Takes the master's known hosts from the bundle again; whether they had been others."""
    source = Path(paths.BUNDLE) / "ssh/known_hosts"
    target = Path.home() / ".ssh/known_hosts"
    if not source.exists() or (target.exists() and target.read_bytes() == source.read_bytes()):
        return False
    shutil.copyfile(source, target)
    target.chmod(PRIVATE_FILE)
    return True


def _private() -> Iterator[Path]:
    run = Path(paths.RUN)
    yield from filter(Path.exists, (run / "authorized_keys", run / "host_ed25519_key"))
    home = Path.home() / ".ssh"
    if home.is_dir():
        yield home
        yield from filter(Path.exists, (home / name for name in SSH))

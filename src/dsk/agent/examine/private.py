"""The worker's own keys: their modes, and taking them from the bundle again."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from dsk.wire import paths

OTHERS = stat.S_IRWXG | stat.S_IRWXO
PRIVATE = 0o600


def modes() -> dict[str, str]:
    """What others than root may use of what sshd and ssh want private, with its mode."""
    return {
        str(path): f"{stat.S_IMODE(path.stat().st_mode):04o}"
        for path in _private()
        if path.stat().st_mode & OTHERS
    }


def fix_modes() -> list[str]:
    """Makes them private again; which were not."""
    open_files = list(modes())
    for name in open_files:
        Path(name).chmod(PRIVATE)
    return open_files


def fix_known_hosts() -> bool:
    """Takes the master's known hosts from the bundle again; whether they had been others."""
    source = Path(paths.BUNDLE) / "ssh/known_hosts"
    target = Path.home() / ".ssh/known_hosts"
    if not source.exists() or (target.exists() and target.read_bytes() == source.read_bytes()):
        return False
    shutil.copyfile(source, target)
    target.chmod(PRIVATE)
    return True


def _private() -> Iterator[Path]:
    run, key = Path(paths.RUN), paths.SSH_MATERIAL[0]
    private = (run / "authorized_keys", run / "host_ed25519_key", Path.home() / ".ssh" / key)
    yield from filter(Path.exists, private)

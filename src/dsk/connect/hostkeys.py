"""A server's host key at the first contact: fetched, shown as a fingerprint, remembered."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from dsk.cluster.model import SshTarget
from dsk.connect import processes
from dsk.connect.ssh import ENVIRONMENT, OPEN_LIMIT_S, options
from dsk.connect.ssherrors import ssh_error
from dsk.files import write_atomic

KEYGEN_LIMIT_S = 10.0


@dataclass(frozen=True)
class HostKey:
    """`line` is what known_hosts holds; `fingerprint` what a person compares."""

    line: str
    fingerprint: str


def offered(target: SshTarget, where: str) -> HostKey:
    """The key that the server shows now. Nothing of ours is sent: no login is tried.

    Asked for with ssh itself, and not ssh-keyscan, so that a ProxyJump counts and the key stands
    under the name that ssh will look up. Raises Unreachable.
    """
    with tempfile.TemporaryDirectory(prefix="dsk-") as folder:
        file = Path(folder) / "known_hosts"
        first = {
            "UserKnownHostsFile": str(file),
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "accept-new",
            "HashKnownHosts": "no",
            "PreferredAuthentications": "none",
        }
        # The first value of an option counts (ssh_config(5)), so these stand before the usual ones.
        chosen = [part for name, value in first.items() for part in ("-o", f"{name}={value}")]
        argv = ["ssh", "-T", *chosen, *options(target, file), "--", target.host, "true"]
        try:
            done = processes.run(argv, timeout=OPEN_LIMIT_S, env=ENVIRONMENT)
        except subprocess.TimeoutExpired:
            raise ssh_error("timed out", target, where) from None
        if not file.exists():
            raise ssh_error(done.error, target, where)
        shown = processes.run(["ssh-keygen", "-lf", str(file)], timeout=KEYGEN_LIMIT_S)
        bits_hash_name_kind = shown.text.splitlines()[0].split()
        fingerprint = f"{bits_hash_name_kind[-1].strip('()')} {bits_hash_name_kind[1]}"
        return HostKey(file.read_text().strip(), fingerprint)


def remember(known_hosts: Path, key: HostKey) -> None:
    """Adds a key that the user trusts; what is there already stays."""
    before = known_hosts.read_text() if known_hosts.exists() else ""
    known_hosts.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomic(known_hosts, f"{before}{key.line}\n".encode(), 0o600)

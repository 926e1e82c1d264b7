"""A real sshd on a loopback port: how ssh behaves is the subject, so it is not imitated."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dsk.cluster.model import SshTarget

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")


@dataclass(frozen=True)
class Sshd:
    target: SshTarget
    known_hosts: Path
    folder: Path

    def host_key_line(self, key: str = "host") -> str:
        kind, blob, *_ = (self.folder / f"{key}.pub").read_text().split()
        return f"[127.0.0.1]:{self.target.port} {kind} {blob}\n"


def keygen(path: Path) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(command, check=True, timeout=20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    if not SSHD:
        pytest.skip("openssh-server is not installed")
    # A blank and a percent sign in every path that ssh is given.
    folder = tmp_path_factory.mktemp("ssh d%h")
    for name in ("host", "login", "other"):
        keygen(folder / name)
    shutil.copy(folder / "login.pub", folder / "authorized")
    port = free_port()
    config = folder / "config"
    authorized = str(folder / "authorized").replace("%", "%%")
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nPidFile none\nStrictModes no\nUsePAM no\n"
        f'HostKey "{folder / "host"}"\nAuthorizedKeysFile "{authorized}"\n'
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        # A login reads no start-up files of whoever runs the tests: they may take their time.
        f'SetEnv "HOME={folder}"\n'
    )
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(config)], stderr=subprocess.DEVNULL)
    target = SshTarget(getpass.getuser(), "127.0.0.1", port, folder / "login")
    server = Sshd(target, folder / "known_hosts", folder)
    server.known_hosts.write_text(server.host_key_line())
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            assert process.poll() is None, "sshd ended"
            assert time.monotonic() < deadline
            time.sleep(0.05)
    yield server
    process.terminate()
    process.wait(10)

"""The files that are a node's own: new at each start, but for the image store and the SSH keys."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from hosts import store
from hosts.command import LabError, run

# What of the machine's /etc makes programs run: a list, so that nothing private comes along.
SHARED_ETC = (
    *("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "debian_version", "os-release"),
    *("group", "passwd", "nsswitch.conf", "pam.d", "security", "login.defs", "shells", "default"),
    *("bash.bashrc", "inputrc", "profile", "profile.d", "terminfo", "localtime", "timezone"),
    *("netconfig", "protocols", "rpc", "services", "ssl/certs", "ssl/openssl.cnf"),
    "nvidia-container-runtime",
)

SSHD_CONFIG = """\
Port 22
ListenAddress {address}
HostKey /etc/ssh/ssh_host_ed25519_key
PidFile /run/sshd.pid
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
AcceptEnv LANG LC_*
Subsystem sftp /usr/lib/openssh/sftp-server
"""


def make_key(path: Path, comment: str) -> None:
    """An Ed25519 key pair, unless it is there."""
    if not path.with_suffix(".pub").exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.unlink(missing_ok=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])


def make_node_files(
    folder: Path, *, hostname: str, address: str, operator_key: Path, kept_images: set[str]
) -> None:
    """What `boot.sh` mounts. The node must not run.

    Args:
        kept_images: ids of the images in the node's store that stay there.

    Raises:
        LabError: something is mounted in the folder; deleting it could delete what is mounted.
    """
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if Path(line.split()[4]).is_relative_to(folder):
            raise LabError(f"something is mounted at {line.split()[4]}; unmount it first")
    files = folder / "files"
    if files.exists():
        shutil.rmtree(files)
    for name, mode in {"root": 0o700, "tmp": 0o1777, "workspace": 0o755, "var": 0o755}.items():
        _folder(files / name, mode)
    for name in ("var/lib/docker", "var/log"):
        _folder(files / name, 0o755)
    _folder(files / "var/tmp", 0o1777)
    (files / "var/run").symlink_to("/run")
    _folder(folder / "root", 0o755)
    _folder(folder / "docker", 0o710)
    store.scrub(folder / "docker", kept_images)
    _make_etc(files / "etc", hostname, address)
    make_key(folder / "ssh_host_ed25519_key", hostname)
    for key in folder.glob("ssh_host_ed25519_key*"):
        shutil.copy(key, files / "etc/ssh")
    _folder(files / "root/.ssh", 0o700)
    _write(files / "root/.ssh/authorized_keys", operator_key.with_suffix(".pub").read_text(), 0o600)


def _make_etc(etc: Path, hostname: str, address: str) -> None:
    for name in ("docker", "ssh", "ssl"):
        _folder(etc / name, 0o755)
    for name in SHARED_ETC:
        machines = Path("/etc", name)
        if machines.is_dir():
            shutil.copytree(machines, etc / name, symlinks=True)
        elif machines.exists():
            shutil.copy2(machines, etc / name, follow_symlinks=False)
    _write(etc / "hostname", f"{hostname}\n")
    _write(etc / "hosts", f"127.0.0.1 localhost\n{address} {hostname}\n")
    _write(etc / "resolv.conf", "# The lab has no name server.\n")
    _write(etc / "machine-id", f"{uuid.uuid4().hex}\n")
    _write(etc / "shadow", "root:*:19000:0:99999:7:::\n", 0o640)
    _write(etc / "ssh/sshd_config", SSHD_CONFIG.format(address=address))


def _folder(path: Path, mode: int) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.write_text(text)
    path.chmod(mode)

"""Servers without an engine: this machine's own root, once for each, in namespaces of its own.

For a machine with GPUs and no Docker, laid out by like_image.sh. Needs root.
Each has its processes, mounts, interface and name, the GPUs that it was given, and an overlay in
memory over `/`; what is written in it is gone with it. Two of them are joined by one cable.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dsk.connect import keygen
from tests.image.servers import Servers, start_by_hand

FIRST = "10.89.0"
UP_WITHIN_S = 20.0
# $1: a folder; $2: the host's name; then the GPUs. /usr/local/nvidia: where some platforms mount
# the driver's programs and libraries.
ROOT = """
set -eu
folder=$1 name=$2
shift 2
hostname "$name"
mount --make-rprivate /
mount -t tmpfs tmpfs "$folder"
cd "$folder"
mkdir upper work root
mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work overlay root
mount -t proc proc root/proc
mount --rbind /sys root/sys
[ ! -d /usr/local/nvidia ] || mount --rbind /usr/local/nvidia root/usr/local/nvidia
mount -t tmpfs tmpfs root/dev
for device in null zero full random urandom tty nvidiactl nvidia-uvm nvidia-uvm-tools; do
    [ ! -e "/dev/$device" ] || cp -a "/dev/$device" root/dev/
done
for gpu in "$@"; do cp -a "/dev/nvidia$gpu" root/dev/; done
mkdir root/dev/shm root/dev/pts
mount -t tmpfs tmpfs root/dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts root/dev/pts
ln -s pts/ptmx root/dev/ptmx
ln -s /proc/self/fd root/dev/fd
# The driver's library would make the devices of the other GPUs.
mount -o remount,ro root/dev
mount -t tmpfs -o mode=0755 tmpfs root/run
mount -t tmpfs tmpfs root/tmp
exec chroot root tini -- sleep infinity
"""
LOGIN = (
    "env",
    "-i",
    "HOME=/root",
    "LANG=C.UTF-8",
    f"PATH=/opt/venv/bin:/usr/local/bin:{os.defpath}",
)
NAMESPACES = ("--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child")


@contextlib.contextmanager
def running(
    folder: Path, gpus: Sequence[Sequence[int]], settings: Mapping[str, str]
) -> Iterator[Servers]:
    """A server for each, with these GPUs; one or two of them. `settings` as a platform starts the
    image with them."""
    key = folder / "key"
    keygen.generate(key, "made before renting")
    variables = [f"DSK_AUTHORIZED_KEY={keygen.public_half(key)}"]
    variables += [f"{name}={value}" for name, value in settings.items()]
    with contextlib.ExitStack() as stack:
        pids = []
        for index, own in enumerate(gpus):
            root = folder / f"root{index}"
            root.mkdir()
            process = subprocess.Popen(
                ["env", *variables, "unshare", *NAMESPACES, "sh", "-c", ROOT, "sh",
                 str(root), f"server{index}", *map(str, own)]
            )  # fmt: skip
            stack.callback(process.wait, UP_WITHIN_S)
            # `unshare` lets no signal through but this one, and takes its child with it.
            stack.callback(process.kill)
            pids.append(_first_process(process))
        entering = tuple(
            ("nsenter", f"--target={pid}", "--all", "--root", "--wd", *LOGIN) for pid in pids
        )
        servers = Servers(FIRST, key, entering)
        _connect(servers, pids)
        for index in range(len(gpus)):
            start_by_hand(servers, index)
            servers.wait_for_worker(index)
        yield servers


def _first_process(unshare: subprocess.Popen[bytes]) -> int:
    """The process 1 of the namespaces, once it has become what it stays."""
    deadline = time.monotonic() + UP_WITHIN_S
    children = Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children")
    while time.monotonic() < deadline and unshare.poll() is None:
        for pid in children.read_text().split():
            if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"tini\0"):
                return int(pid)
        time.sleep(0.05)
    raise AssertionError(f"a server does not come up: unshare gives {unshare.poll()}")


def _connect(servers: Servers, pids: Sequence[int]) -> None:
    # One server alone has both ends.
    ends = [("eth0", "netns", str(pids[0])), (f"eth{2 - len(pids)}", "netns", str(pids[-1]))]
    subprocess.run(["ip", "link", "add", *ends[0], "type", "veth", "peer", *ends[1]], check=True)
    servers.exec(len(pids) - 1, "ip", "link", "set", f"eth{2 - len(pids)}", "up")
    for index in range(len(pids)):
        for words in (
            ("link", "set", "lo", "up"),
            ("addr", "add", f"{servers.host(index)}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
        ):
            servers.exec(index, "ip", *words)

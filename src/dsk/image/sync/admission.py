"""What a node needs to enter the registry: certificates where its engine looks for them."""

from __future__ import annotations

import io
import re
import tarfile

from dsk.cluster.model import Cluster, Node
from dsk.connect import Server
from dsk.errors import DskError
from dsk.text import Text
from dsk.wire.registry import Opened

LIMIT_S = 60.0
MARKER = "dsk-cluster"
ADDRESS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}:[0-9]{1,5}")

# The engine reads /etc/docker/certs.d/HOST:PORT/ at each pull (docs.docker.com, "Verify repository
# client with certificates"); the marker is of no interest to it.
AS_ROOT = r"""
sudo=
[ "$(id -u)" = 0 ] || sudo='sudo -n'
"""
ADMIT = (
    f"""set -e
{AS_ROOT}"""
    + r"""
place=/etc/docker/certs.d/$1
$sudo install -d -m 0755 /etc/docker /etc/docker/certs.d "$place"
exec $sudo tar -xpf - --no-same-owner -C "$place"
"""
)
FORGET = (
    f"""
found=$(grep -lxF -- "$1" /etc/docker/certs.d/*/{MARKER} 2>/dev/null) || exit 0
{AS_ROOT}"""
    + r"""
for marker in $found; do $sudo rm -rf -- "${marker%/*}" || exit 1; done
$sudo rmdir --ignore-fail-on-non-empty /etc/docker/certs.d
"""
)


def admit(server: Server, cluster: Cluster, node: Node, opened: Opened) -> None:
    """Raises DskError, with the remedy where the login may not become root."""
    # It becomes a folder's name there, and comes from a container on another server.
    if not ADDRESS.fullmatch(opened.address):
        raise DskError(
            Text("the registry gives its address as {address!r}, not as HOST:PORT").filled(
                address=opened.address[:80]
            ),
            where=str(cluster.master),
            fix=Text("is its image dsk's own? dsk image verify"),
        )
    argv = ["sh", "-c", ADMIT, "dsk", opened.address]
    done = server.run(argv, input=_archive(cluster, opened), timeout=LIMIT_S)
    if done.returncode:
        raise _error(done.error, node)


def forget(server: Server, cluster: Cluster, node: Node) -> None:
    """Takes away what any sync of this cluster put there, also one that was killed."""
    done = server.run(["sh", "-c", FORGET, "dsk", cluster.name], timeout=LIMIT_S)
    if done.returncode:
        raise _error(done.error, node)


def _error(stderr: str, node: Node) -> DskError:
    what = Text("the registry's certificate cannot be put into /etc/docker/certs.d there")
    if "sudo" in stderr:
        return DskError(
            Text("{what}: this login is not root, and `sudo -n` does not work").filled(what=what),
            where=str(node),
            fix=Text(
                "use root (ssh.user in dsk.yaml), or let the login use sudo without a "
                "password (NOPASSWD in /etc/sudoers.d)"
            ),
        )
    return DskError(Text("{what}: {why}").filled(what=what, why=stderr), where=str(node))


def _archive(cluster: Cluster, opened: Opened) -> bytes:
    contents = {
        "ca.crt": (opened.ca, 0o644),
        "client.cert": (opened.cert, 0o644),
        "client.key": (opened.key, 0o600),
        MARKER: (f"{cluster.name}\n", 0o644),
    }
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, (text, mode) in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text.encode()), mode
            tar.addfile(entry, io.BytesIO(text.encode()))
    return file.getvalue()

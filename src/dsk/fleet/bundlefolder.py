"""A bundle's folder on a server, `~/.dsk/<cluster>/<node>`: written completely or not at all, and
removed."""

from __future__ import annotations

import io
import tarfile

from dsk.bundle import Bundle
from dsk.cluster.model import Cluster, Node
from dsk.connect import Server
from dsk.errors import DskError
from dsk.text import Text

LIMIT_S = 60.0

PUT = r"""
set -eu
umask 077
mkdir -p "$HOME/.dsk/$1"
cd "$HOME/.dsk/$1"
draft=$(mktemp -d ".$2.XXXXXX")
trap 'rm -rf "$draft"' EXIT
mkdir "$draft/new"
tar -xpf - -C "$draft/new"
[ -z "$4" ] || [ "$(id -u)" != 0 ] || chown -R "$4" "$draft/new"
[ ! -e "$2" ] || mv "$2" "$draft/old"
mv "$draft/new" "$2"
for former in $(grep -lsx " *dsk.host: $3" node*/compose.yaml); do
  [ "${former%/*}" = "$2" ] || rm -rf "${former%/*}"
done
"""

REMOVE = r"""
cd "$HOME/.dsk/$1" 2>/dev/null || exit 0
rm -rf "$2"
for former in $(grep -lsx " *dsk.host: $3" node*/compose.yaml); do rm -rf "${former%/*}"; done
cd "$HOME"
rmdir ".dsk/$1" 2>/dev/null && rmdir .dsk 2>/dev/null
exit 0
"""


def put(server: Server, cluster: Cluster, node: Node, bundle: Bundle) -> None:
    """Replaces the node's folder in one step, also one of another number; it belongs to the
    workers' user. Raises DskError."""
    _run(server, PUT, cluster, node, archive(bundle))


def remove(server: Server, cluster: Cluster, node: Node) -> None:
    """Takes the folder away, and its parents where they are empty. Raises DskError."""
    _run(server, REMOVE, cluster, node, b"")


def _run(server: Server, script: str, cluster: Cluster, node: Node, data: bytes) -> None:
    argv = ["sh", "-c", script, "dsk", cluster.name, node.name, node.host, str(cluster.user or "")]
    done = server.run(argv, input=data, timeout=LIMIT_S)
    if done.returncode:
        raise DskError(
            Text("~/.dsk/{cluster} cannot be written: {error}").filled(
                cluster=cluster.name, error=done.error
            ),
            where=str(node),
        )


def archive(bundle: Bundle) -> bytes:
    """The bundle as a tar file."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for folder in sorted({path.rpartition("/")[0] for path in bundle} - {""}):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o700
            tar.addfile(entry)
        for path, content in bundle.items():
            text = content.text.encode()
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(text), content.mode
            tar.addfile(entry, io.BytesIO(text))
    return file.getvalue()

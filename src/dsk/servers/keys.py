"""The cluster's keys in .dsk/keys/: made once, kept, and made again where lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dsk.bundle import KeyPair, Keys
from dsk.cluster.model import Cluster
from dsk.connect import keygen
from dsk.servers.state import ensure_owner, ensure_state_dir, existing_owner
from dsk.text import Text

FOLDER_MODE = 0o700
KEY_MODE = 0o600


def ensure_keys(cluster: Cluster, say: Callable[[Text], None]) -> Keys:
    """The cluster's key and one host key a node; `say` hears what was made or repaired.

    A host key belongs to an address, so that nodes can change places in dsk.yaml.
    Raises UserError where a file is there and is no key.
    """
    cluster_key = ensure_cluster_key(cluster, say)
    folder, comment = cluster.key.parent, f"dsk:{cluster.name}"
    hosts = tuple(_pair(folder / f"host-{node.host}", comment, say) for node in cluster.nodes)
    return Keys(cluster_key, hosts, ensure_owner(cluster))


def ensure_cluster_key(cluster: Cluster, say: Callable[[Text], None]) -> KeyPair:
    """The cluster's key alone, as `ensure_keys` does it."""
    ensure_state_dir(cluster)
    folder = cluster.key.parent
    folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
    # `install -D` makes it with 0755: the keys inside have modes of their own, so nothing was
    # exposed, unless others could put keys there.
    _repair(folder, FOLDER_MODE, say, harmless=0o755)
    return _pair(cluster.key, f"dsk:{cluster.name}", say)


def _pair(path: Path, comment: str, say: Callable[[Text], None]) -> KeyPair:
    if not path.exists():
        path.with_name(f"{path.name}.pub").unlink(missing_ok=True)
        keygen.generate(path, comment)
        say(Text("created the key {path}").filled(path=path))
    _repair(path, KEY_MODE, say)
    return KeyPair(path.read_text(), keygen.public_half(path))


def _repair(path: Path, mode: int, say: Callable[[Text], None], *, harmless: int = 0) -> None:
    """Says so, unless the mode allowed nothing beyond `harmless`."""
    now = path.stat().st_mode & 0o7777
    if now == mode:
        return
    path.chmod(mode)
    if now & ~harmless:
        text = Text("{path} had mode {now:04o}, which gives others access; it is {mode:04o} again")
        say(text.filled(path=path, now=now, mode=mode))


def existing_keys(cluster: Cluster) -> Keys | None:
    """The same where all of them are there already; nothing is made or repaired. Raises UserError
    where a file is no key."""
    hosts = [cluster.key.parent / f"host-{node.host}" for node in cluster.nodes]
    if not all(path.exists() for path in (cluster.key, *hosts)):
        return None

    def pair(path: Path) -> KeyPair:
        return KeyPair(path.read_text(), keygen.public_half(path))

    return Keys(pair(cluster.key), tuple(map(pair, hosts)), existing_owner(cluster))

"""The workers' host keys where no bundle gave them: brought by the user, checked and kept.

They stand in `.dsk/known_hosts`; each worker shows its own line in its log, and `dsk-agent
host-key` prints it there.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dsk.cluster.model import Cluster, Node
from dsk.connect import keygen
from dsk.errors import UserError
from dsk.files import write_atomic
from dsk.servers.state import ensure_state_dir
from dsk.text import Text, joined
from dsk.wire import paths

SSH_PORT = 22
SHOW = "dsk-agent host-key"
_LINE = re.compile(
    r"(?:^|\s)(?:\[(?P<host>[\d.]+)\]:(?P<port>\d+)|(?P<plain>[\d.]+))"
    r" ssh-ed25519 (?P<blob>[A-Za-z0-9+/]+={0,2})(?:\s|$)"
)
_BLOB_START = b"\0\0\0\x0bssh-ed25519\0\0\0\x20"
_BLOB_LENGTH = len(_BLOB_START) + 32


@dataclass(frozen=True)
class WorkerKey:
    """A worker's ed25519 host key; `blob` as known_hosts has it."""

    host: str
    port: int
    blob: str

    @property
    def line(self) -> str:
        name = self.host if self.port == SSH_PORT else f"[{self.host}]:{self.port}"
        return f"{name} ssh-ed25519 {self.blob}"

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` shows it."""
        digest = hashlib.sha256(base64.b64decode(self.blob)).digest()
        return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def parse(text: str, name: str) -> list[WorkerKey]:
    """From lines of known_hosts, or of workers' logs around them; `name` is the file's.

    Raises UserError for a line that is neither.
    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        key = _key(line)
        if key is None:
            raise UserError(
                Text("is not a line for known_hosts: [ADDRESS]:PORT ssh-ed25519 AAAA…"),
                where=f"{name}:{number}",
                fix=Text("use the line that the worker's log shows, or there: {show}").filled(
                    show=SHOW
                ),
            )
        found.append(key)
    if not found:
        raise UserError(
            Text("contains no host key"),
            where=name,
            fix=Text("in each worker: {show}").filled(show=SHOW),
        )
    return found


def _key(line: str) -> WorkerKey | None:
    match = _LINE.search(line)
    if not match:
        return None
    try:
        blob = base64.b64decode(match["blob"], validate=True)
    except binascii.Error:
        return None
    if not blob.startswith(_BLOB_START) or len(blob) != _BLOB_LENGTH:
        return None
    return WorkerKey(match["host"] or match["plain"], int(match["port"] or SSH_PORT), match["blob"])


def own() -> WorkerKey | None:
    """Of the worker in this container, where there is one."""
    try:
        return _key(Path(paths.KNOWN_HOST).read_text(encoding="utf-8"))
    except OSError:
        return None


def known(cluster: Cluster) -> dict[str, WorkerKey]:
    """By the node's address."""
    keys = (_key(line) for line in _lines(cluster))
    return {key.host: key for key in keys if key and key.port == cluster.worker_port}


def made_by_up(cluster: Cluster) -> tuple[str, dict[str, WorkerKey]] | None:
    """The public half of the cluster's key, and the host keys by the node's address, as far as
    `dsk up` has made them; None before its first run. Raises UserError where a file is no key."""
    if not cluster.key.exists():
        return None
    keys = {}
    for node in cluster.nodes:
        path = cluster.key.parent / f"host-{node.host}"
        if path.exists():
            blob = keygen.public_half(path).split()[1]
            keys[node.host] = WorkerKey(node.host, cluster.worker_port, blob)
    return keygen.public_half(cluster.key), keys


def check_known(cluster: Cluster, hosts: Iterable[str]) -> None:
    """Raises UserError that names every node whose host key is missing."""
    have = known(cluster)
    missing = [host for host in hosts if host not in have]
    if missing:
        raise UserError(
            Text("the host key is not known of {missing} (port {worker_port})").filled(
                missing=", ".join(missing), worker_port=cluster.worker_port
            ),
            where=str(_file(cluster)),
            fix=Text("there: {show}   and here: dsk keys --add FILE with what it prints").filled(
                show=SHOW
            ),
        )


def add(cluster: Cluster, keys: Iterable[WorkerKey], name: str, *, replace: bool) -> None:
    """Keeps them beside those that are known; all or none. `name` says where they come from.

    Raises UserError with everything that keeps them from being the cluster's.
    """
    have = known(cluster)
    nodes = {node.host: node for node in cluster.nodes}
    new: dict[str, WorkerKey] = {}
    problems = []
    for key in keys:
        other = new.get(key.host) or (None if replace else have.get(key.host))
        if problem := _problem(cluster, nodes, key, other):
            problems.append(problem)
        new[key.host] = key
    if problems:
        raise UserError(joined(problems, "\n"), where=name)
    if any(have.get(host) != key for host, key in new.items()):
        kept = [line for line in _lines(cluster) if not ((old := _key(line)) and old.host in new)]
        ensure_state_dir(cluster)
        text = "\n".join([*kept, *(key.line for key in new.values())])
        write_atomic(_file(cluster), f"{text}\n".encode(), 0o600)


def _problem(
    cluster: Cluster, nodes: Mapping[str, Node], key: WorkerKey, other: WorkerKey | None
) -> Text | None:
    node = nodes.get(key.host)
    if node is None:
        return Text("{host} is not a node of {file}").filled(host=key.host, file=cluster.file.name)
    if key.port != cluster.worker_port:
        return Text(
            "{node}: its worker is at port {port}, but {file} has worker_port {worker_port}; use "
            "the same in both (there: DSK_WORKER_PORT)"
        ).filled(node=node, port=key.port, file=cluster.file.name, worker_port=cluster.worker_port)
    if other and other != key:
        return Text(
            "{node}: the host key is {key}, not {before} as before; only if that container was "
            "recreated: --replace"
        ).filled(node=node, key=key.fingerprint, before=other.fingerprint)
    return None


def _file(cluster: Cluster) -> Path:
    return cluster.state_dir / "known_hosts"


def _lines(cluster: Cluster) -> list[str]:
    try:
        return _file(cluster).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []

"""Servers that are containers of the image: what dsk needs in this one, and what a bundle would
otherwise bring."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from dsk.cluster.model import Cluster, Node
from dsk.connect.addresses import is_here
from dsk.errors import DskError, UserError
from dsk.files import write_atomic
from dsk.servers import workerkeys
from dsk.text import Text
from dsk.wire import paths
from dsk.wire.sshconfig import ssh_config

SUPERVISOR = "/usr/local/bin/dsk-supervisor"
START_WORKER = "/usr/local/lib/dsk/entrypoint/entrypoint.sh worker"


def check_here(cluster: Cluster) -> None:
    """Raises DskError where this is not the container of the master's worker."""
    if not Path(paths.CONTENT_ID).exists() or not Path(SUPERVISOR).exists():
        raise UserError(
            Text("this machine is not a container of dsk's image, which in_place requires"),
            where=cluster.file.name,
            fix=Text("run dsk in the first container; for servers with an engine, remove in_place"),
        )
    if not is_here(cluster.master.host):
        raise UserError(
            Text("jobs start in the container of {master}, which this one is not").filled(
                master=cluster.master
            ),
            fix=Text("log in there, or write this container's address first in dsk.yaml"),
        )
    if not Path(paths.KNOWN_HOST).exists():
        raise DskError(
            Text("no worker has been started in this container"),
            where=str(cluster.master),
            fix=Text("with DSK_AUTHORIZED_KEY in the environment: {start_worker} &").filled(
                start_worker=START_WORKER
            ),
        )


def check_keys(cluster: Cluster, hosts: Iterable[str]) -> None:
    """Raises UserError where the cluster's key or the host key of one of `hosts` is missing."""
    if not cluster.key.is_file():
        raise UserError(
            Text("the cluster's private key is missing"),
            where=str(cluster.key),
            fix=Text(
                "put the private key of the workers' DSK_AUTHORIZED_KEY there; or create a "
                "pair: dsk keys"
            ),
        )
    workerkeys.check_known(cluster, hosts)


@contextmanager
def client_config(cluster: Cluster, nodes: Iterable[Node]) -> Iterator[list[str]]:
    """A file for `ssh -F` that reaches the workers of `nodes` from here, as the words that name it
    to a program of the master's worker; no words where a bundle is there, which holds one.

    The user's own ~/.ssh is not for us. Raises UserError where a key is missing.
    """
    if not cluster.in_place:
        yield []
        return
    check_keys(cluster, [node.host for node in nodes])
    with TemporaryDirectory() as name:
        folder = Path(name)
        key, known_hosts = paths.SSH_MATERIAL
        write_atomic(folder / key, cluster.key.read_bytes(), 0o600)
        write_atomic(folder / known_hosts, (cluster.state_dir / known_hosts).read_bytes(), 0o600)
        text = ssh_config(
            str(folder), cluster.worker_port, cluster.login, source=cluster.master.host
        )
        write_atomic(folder / "config", text.encode(), 0o600)
        yield [str(folder / "config")]

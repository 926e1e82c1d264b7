"""The OpenSSH files of a bundle: who may log in to a worker, and how the master does."""

from __future__ import annotations

from dsk.bundle.model import Keys
from dsk.cluster.model import Cluster
from dsk.wire.sshconfig import ssh_config

SSH_PORT = 22


def authorized_keys(cluster: Cluster, keys: Keys) -> str:
    """The cluster's key, from the cluster's own addresses only (sshd(8), AUTHORIZED_KEYS)."""
    hosts = ",".join(node.host for node in cluster.nodes)
    return f'from="{hosts}" {keys.cluster.public} dsk:{cluster.name}\n'


def known_hosts(cluster: Cluster, keys: Keys) -> str:
    return "".join(
        f"{_name(node.host, cluster.worker_port)} {keys.hosts[node.index].public}\n"
        for node in cluster.nodes
    )


def _name(host: str, port: int) -> str:
    return host if port == SSH_PORT else f"[{host}]:{port}"


def config(cluster: Cluster) -> str:
    """The master's ~/.ssh/config: port, key and environment, so that a plain `ssh HOST` works."""
    hosts = [node.host for node in cluster.nodes]
    return ssh_config(
        "~/.ssh",
        cluster.worker_port,
        cluster.login,
        hosts=hosts,
        env=cluster.env,
        source=cluster.master.host,
    )

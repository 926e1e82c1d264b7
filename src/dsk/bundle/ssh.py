"""The OpenSSH files of a bundle: who may log in to a worker, and how the master does."""

from __future__ import annotations

from dsk.bundle.model import Keys
from dsk.cluster.model import Cluster

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
    """The master's ~/.ssh/config: port, key and environment, so that a plain `ssh HOST` works.

    Only the first SetEnv counts, so all of it stands on one line (ssh_config(5)).
    """
    lines = [
        f"Host {' '.join(node.host for node in cluster.nodes)}",
        f"Port {cluster.worker_port}",
        "User root",
        "IdentityFile ~/.ssh/id_ed25519",
        "IdentitiesOnly yes",
        "UserKnownHostsFile ~/.ssh/known_hosts",
        "GlobalKnownHostsFile /dev/null",
        "StrictHostKeyChecking yes",
        "BatchMode yes",
        "ConnectTimeout 10",
        "ServerAliveInterval 5",
        "ServerAliveCountMax 3",
    ]
    if cluster.env:
        pairs = (_quoted(f"{name}={cluster.env[name]}") for name in sorted(cluster.env))
        lines.append(f"SetEnv {' '.join(pairs)}")
    return "\n  ".join(lines) + "\n"


def _quoted(word: str) -> str:
    # argv_split() in OpenSSH's misc.c: in double quotes a backslash escapes a quote or a backslash.
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'

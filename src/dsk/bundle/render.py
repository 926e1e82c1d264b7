"""Cluster and keys to every node's bundle."""

from __future__ import annotations

import json

from dsk.bundle import accounts, compose, deepspeed, ssh
from dsk.bundle.model import Bundle, BundleFile, Keys, digest
from dsk.cluster.caches import job_env
from dsk.cluster.model import Cluster, Node
from dsk.cluster.secretnames import is_secret


def render(cluster: Cluster, keys: Keys) -> dict[int, Bundle]:
    """The bundles by node index; the master's alone holds the cluster's private key."""
    return {node.index: _node(cluster, node, keys) for node in cluster.nodes}


def _job_env(cluster: Cluster) -> str:
    """What a worker's warm process starts with. Secrets decide nothing while the stack is imported,
    and not every server needs them in a file."""
    env = {name: value for name, value in job_env(cluster).items() if not is_secret(name)}
    return json.dumps(env)


def _node(cluster: Cluster, node: Node, keys: Keys) -> Bundle:
    texts = {
        "hostfile": deepspeed.hostfile(cluster),
        "deepspeed_env": deepspeed.deepspeed_env(cluster.env),
        "job_env.json": _job_env(cluster),
        "ssh/host_ed25519_key": keys.hosts[node.index].private,
        "ssh/authorized_keys": ssh.authorized_keys(cluster, keys),
    }
    if cluster.user:
        texts |= {
            "passwd": accounts.passwd(cluster.login, cluster.user),
            "group": accounts.group(cluster.login, cluster.user),
        }
    if node == cluster.master:
        texts |= {
            "ssh/id_ed25519": keys.cluster.private,
            "ssh/known_hosts": ssh.known_hosts(cluster, keys),
            "ssh/config": ssh.config(cluster),
        }
    files = {path: BundleFile(text) for path, text in texts.items()}
    # The label tells a running worker's configuration. It cannot cover itself, so it stands for the
    # bundle with an empty label.
    unlabelled = BundleFile(compose.compose_file(cluster, node, config="", owner=keys.owner), 0o644)
    config = digest({**files, "compose.yaml": unlabelled})
    text = compose.compose_file(cluster, node, config=config, owner=keys.owner)
    return {
        "compose.yaml": BundleFile(text, 0o644),
        **files,
    }

"""What DeepSpeed's runner reads where somebody starts it by hand in the master's worker.

Read in DeepSpeed 0.19.8: launcher/runner.py and launcher/multinode_runner.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from dsk.cluster.model import Cluster
from dsk.cluster.secretnames import is_secret


def hostfile(cluster: Cluster) -> str:
    return "".join(f"{node.host} slots={node.slots}\n" for node in cluster.nodes)


def deepspeed_env(env: Mapping[str, str]) -> str:
    """`~/.deepspeed_env`: a `NAME=value` line each, no comment and no blank line.

    The runner puts these on a command line that everybody on the servers can read, so nothing that
    looks like a secret is among them; and it strips values, so none that this would change. Those
    travel by the ssh configuration's SetEnv only, which carries all of `env`.
    """
    fitting = (
        name for name in sorted(env) if not is_secret(name) and env[name] == env[name].strip()
    )
    return "".join(f"{name}={_escaped(env[name])}\n" for name in fitting)


def _escaped(value: str) -> str:
    # add_export() puts the value between double quotes as it is; pdsh expands %h, %u, %n, %%.
    return re.sub(r'([\\$`"])', r"\\\1", value).replace("%", "%%")

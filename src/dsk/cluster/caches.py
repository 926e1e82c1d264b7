"""The environment of every rank, and where downloads go by it."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from dsk.cluster.model import Cluster
from dsk.wire.caches import MODELSCOPE, cache_env


def job_env(cluster: Cluster) -> dict[str, str]:
    """What every rank gets: caches in the workspace; dsk.yaml's `env` takes precedence."""
    return {**cache_env(str(cluster.workspace)), **cluster.env}


def modelscope_folder(env: Mapping[str, str]) -> str | None:
    """Where dsk puts models from ModelScope; None where LLaMA-Factory takes them from elsewhere
    (is_env_enabled in its extras/misc.py)."""
    if env.get("USE_MODELSCOPE_HUB", "0").lower() not in ("true", "y", "1"):
        return None
    return posixpath.join(env[MODELSCOPE], "dsk")

"""Where downloads go in a worker: dsk gives it to every rank, and a warm process starts with it."""

from __future__ import annotations

import posixpath

MODELSCOPE = "MODELSCOPE_CACHE"


def cache_env(workspace: str) -> dict[str, str]:
    """Environment that keeps hub downloads in the workspace instead of inside a container.

    Defaults only: the caller lays the user's own `env` over it. datasets' cache follows HF_HOME.
    """
    return {
        "HF_HOME": posixpath.join(workspace, ".cache", "huggingface"),
        MODELSCOPE: posixpath.join(workspace, ".cache", "modelscope"),
    }

"""Where downloads go."""

from __future__ import annotations

import posixpath


def cache_env(workspace: str) -> dict[str, str]:
    """Environment that keeps hub downloads in the workspace instead of inside a container.

    Defaults only: the caller lays the user's own `env` over it. datasets' cache follows HF_HOME.
    """
    return {
        "HF_HOME": posixpath.join(workspace, ".cache", "huggingface"),
        "MODELSCOPE_CACHE": posixpath.join(workspace, ".cache", "modelscope"),
    }

"""dsk.yaml: what it says (model), what it may say (schema), and reading it. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dsk.cluster.model import Cluster


def load(file: Path) -> Cluster:
    """See dsk.cluster.parse.load; pydantic is imported only here, when a file is really read."""
    from dsk.cluster.parse import load as read

    return read(file)

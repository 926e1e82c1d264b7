"""dsk.yaml: what it says (model), what it may say (schema), and reading it. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dsk.cluster.model import Cluster


def load(file: Path) -> Cluster:
    """See dsk.cluster.load.load; pydantic is imported only here, when a file is really read."""
    from dsk.cluster.load import load as read

    return read(file)

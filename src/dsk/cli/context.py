"""What every command finds in its click context: the cluster file, and the way to the master."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from docker import DockerClient

    from dsk.cluster.model import Cluster


@dataclass(frozen=True)
class Context:
    """The global options."""

    file: Path
    debug: bool = False

    def cluster(self) -> Cluster:
        """Raises UserError with every mistake in the file."""
        from dsk.cluster import load

        return load(self.file)

    def image(self) -> str:
        """The cluster's image; the default one where there is no cluster file."""
        from dsk.cluster.model import DEFAULT_IMAGE

        return self.cluster().image if self.file.exists() else DEFAULT_IMAGE

    @contextmanager
    def master_engine(self) -> Iterator[DockerClient]:
        """The engine of the master's server. Raises Unreachable."""
        from dsk.connect import open_server

        cluster = self.cluster()
        with open_server(cluster.master.server, cluster.state_dir / "known_hosts") as server:
            yield server.engine()


pass_context = click.make_pass_decorator(Context)

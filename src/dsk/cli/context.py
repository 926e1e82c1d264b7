"""What every command finds in its click context: the cluster file, and where its jobs run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dsk.errors import UserError
from dsk.text import Text

if TYPE_CHECKING:
    from dsk.cluster.model import Cluster
    from dsk.jobs.runtime import Runtime


@dataclass(frozen=True)
class Context:
    """The global options."""

    file: Path
    debug: bool = False
    in_place: bool = False

    def cluster(self) -> Cluster:
        """Raises UserError with every mistake in the file."""
        from dsk.cluster import load

        cluster = load(self.file)
        if not self.in_place:
            return cluster
        if cluster.user:
            raise UserError(
                Text("user: has no effect with --in-place: workers run as their container's user"),
                where=self.file.name,
                fix=Text("delete that line"),
            )
        return cluster.supervised_in_place()

    def cluster_with_engines(self) -> Cluster:
        """For what works through the servers' engines. Raises UserError where they have none."""
        cluster = self.cluster()
        if cluster.in_place:
            raise UserError(
                Text(
                    "these servers are containers (in_place in dsk.yaml) and have no engine, "
                    "which this command needs"
                ),
                where=self.file.name,
                fix=Text("docs/guide/containers-as-servers.md explains how to start and use them"),
            )
        return cluster

    def image(self) -> str:
        """The cluster's image; the default one where there is no cluster file."""
        from dsk.cluster.model import DEFAULT_IMAGE

        return self.cluster().image if self.file.exists() else DEFAULT_IMAGE

    @contextmanager
    def runtime(self) -> Iterator[Runtime]:
        """Where the jobs' supervisors run. Raises DskError."""
        from dsk.jobs.runtimes import runtime_kind

        cluster = self.cluster()
        with runtime_kind(cluster).open(cluster) as runtime:
            yield runtime


pass_context = click.make_pass_decorator(Context)


def _set_in_place(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    context = ctx.find_object(Context)
    if value and context:
        ctx.obj = replace(context, in_place=True)


in_place_option = click.option(
    "--in-place",
    is_flag=True,
    expose_value=False,
    callback=_set_in_place,
    help="The servers are containers, this is the first; as in_place in dsk.yaml.",
)

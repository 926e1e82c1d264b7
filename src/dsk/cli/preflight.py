"""The quick part of `dsk check`, as `dsk launch` runs it first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dsk.jobs.planning import Request


def check_servers(request: Request) -> None:
    """Shows what is wrong on the job's servers; raises JobFailed where the job would fail."""
    from dsk.cli.findings import line
    from dsk.cli.language import preferred
    from dsk.cluster.selection import select
    from dsk.errors import JobFailed
    from dsk.jobs.check import before_launch

    cluster = request.cluster
    chosen = select(cluster, request.include, request.exclude)
    found = before_launch(cluster, [cluster.nodes[node.index] for node in chosen])
    for finding in found:
        if finding.state in ("failed", "warning"):
            click.echo(line(cluster, finding, preferred()), err=True)
    failed = sum(finding.state == "failed" for finding in found)
    if failed:
        raise JobFailed(
            f"{failed} check(s) failed; nothing was started",
            fix="mend it (all checks: dsk check), or launch all the same: --no-check",
        )

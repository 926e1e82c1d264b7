"""The quick part of `dsk check`, as `dsk launch` runs it first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from dsk.cli.printing import echo
from dsk.text import Text

if TYPE_CHECKING:
    from dsk.checks.model import Finding
    from dsk.cluster.model import Cluster
    from dsk.jobs.planning import Request


@contextmanager
def looking_at_servers(request: Request) -> Iterator[Callable[[], None]]:
    """Looks at the job's servers beside what is done meanwhile. What is yielded waits for that,
    shows what is wrong, and raises JobFailed where the job would fail."""
    from dsk.cluster.selection import select
    from dsk.connect import processes
    from dsk.preflight.measure import before_launch

    cluster = request.cluster
    chosen = select(cluster, request.include, request.exclude)
    with ThreadPoolExecutor(1) as pool:
        nodes = [cluster.nodes[each.index] for each in chosen]
        found = pool.submit(processes.inherited(partial(before_launch, cluster, nodes)))
        try:
            yield lambda: _show(cluster, found.result())
        except KeyboardInterrupt:
            processes.interrupt()
            raise


def _show(cluster: Cluster, found: Sequence[Finding]) -> None:
    from dsk.cli.findings import line
    from dsk.cli.language import preferred
    from dsk.errors import JobFailed

    for finding in found:
        if finding.state in ("failed", "warning"):
            echo(line(cluster, finding, preferred()), err=True)
    failed = sum(finding.state == "failed" for finding in found)
    if failed:
        raise JobFailed(
            Text("{failed} check(s) failed; nothing was started").filled(failed=failed),
            fix=Text("fix it (all checks: dsk check), or launch without the checks: --no-check"),
        )

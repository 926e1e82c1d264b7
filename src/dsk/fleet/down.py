"""`dsk down`: the servers as they were before `dsk up`; image and workspace stay."""

from __future__ import annotations

from collections.abc import Sequence

from dsk.bundle.compose import project
from dsk.cluster.model import Cluster, Node
from dsk.connect import Server
from dsk.connect.engine import engine_error
from dsk.errors import DskError, UserError
from dsk.fleet import bundlefolder, network, worker
from dsk.image.sync import registry
from dsk.image.sync.receive import clean
from dsk.servers import containers
from dsk.servers.contact import Trust, open_fleet, trust_nobody
from dsk.servers.progress import NodeDone, Tell
from dsk.text import Text

LIMIT_S = 60.0
MASTER = "dsk.role=master"

# 1: the engine does not answer. Prints the job that the worker or a master container holds.
LOOK = r"""
job=$(docker ps --filter "label=dsk.cluster=$1" --filter label=dsk.role=master \
  --format '{{.Label "dsk.job"}}') || exit 1
[ -n "$job" ] || job=$(docker exec "$2" dsk-agent holder 2>/dev/null)
echo "$job"
"""


def down(
    cluster: Cluster,
    nodes: Sequence[Node],
    tell: Tell,
    *,
    trust: Trust = trust_nobody,
    force: bool = False,
) -> list[DskError]:
    """Remove the workers and their bundles from `nodes` side by side; return the errors of the
    nodes where that failed. `trust` is asked about servers never seen before: somebody may have
    started the workers there by hand.

    Raises UserError, and has touched nothing then, if a job runs and `force` is not given.
    """
    with open_fleet(cluster, nodes, trust) as fleet:
        jobs = fleet.each(lambda node, server: _job(server, cluster, node))
        busy = sorted({job for job in jobs.values() if job})
        if busy and not force:
            raise UserError(
                Text("job {busy} is running").filled(busy=", ".join(busy)),
                fix=Text("dsk stop {busy}; `dsk down --force` kills it").filled(busy=busy[0]),
            )

        def take_down(node: Node, server: Server) -> None:
            if node == cluster.master:
                containers.remove(server, cluster, node, MASTER)
                registry.remove(server, cluster)
            worker.remove(server, cluster, node)
            bundlefolder.remove(server, cluster, node)
            clean(server, cluster, node)
            tell(NodeDone(node, Text("down")))

        fleet.each(take_down)
        if cluster.demo and fleet.good:
            network.remove(fleet.servers[fleet.good[0].index], cluster.demo)
        return fleet.errors


def _job(server: Server, cluster: Cluster, node: Node) -> str | None:
    argv = ["sh", "-c", LOOK, "dsk", cluster.name, project(cluster, node)]
    done = server.run(argv, timeout=LIMIT_S)
    if done.returncode:
        raise engine_error(done.error, str(node))
    return done.text or None

"""`dsk down`: the servers as they were before `dsk up`; image and workspace stay."""

from __future__ import annotations

from collections.abc import Sequence

from dsk.cluster.model import Cluster, Node
from dsk.connect import Server
from dsk.errors import DskError, UserError
from dsk.fleet import bundlefolder, network, worker
from dsk.image.sync import registry
from dsk.image.sync.receive import clean
from dsk.servers import containers
from dsk.servers.contact import Trust, open_fleet, trust_nobody
from dsk.servers.progress import NodeDone, Tell
from dsk.servers.survey import survey, with_engine
from dsk.survey.values import RUNNING
from dsk.text import Text

MASTER = "dsk.role=master"


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


def _job(server: Server, cluster: Cluster, node: Node) -> str:
    """What a master container or the worker runs, if anything."""
    asked = survey(server, cluster, node, ("engine", "containers", "holder"))
    found = with_engine(asked, str(node))
    masters = (each for each in found.containers if each.role == "master")
    return next((each.job for each in masters if each.state == RUNNING), found.holder)

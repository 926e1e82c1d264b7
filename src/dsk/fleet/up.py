"""`dsk up`: every node as dsk.yaml says, and only what differs is changed."""

from __future__ import annotations

from collections.abc import Mapping

from dsk.bundle import Bundle, render
from dsk.checks.registry import UP, facts_for, first_error
from dsk.cluster.model import Cluster, Node
from dsk.connect import Server
from dsk.errors import DskError, UserError
from dsk.fleet import bundlefolder, network, worker
from dsk.image import holders
from dsk.image.sync import distribute
from dsk.servers import workspace
from dsk.servers.contact import Fleet, Trust, open_fleet, trust_nobody
from dsk.servers.keys import ensure_keys
from dsk.servers.progress import NodeDone, Said, Tell
from dsk.servers.survey import survey
from dsk.survey.server import ServerFacts
from dsk.survey.values import MISSING, RUNNING
from dsk.text import Text, joined, verbatim

# A worker that runs for a while answers at once or not at all.
STILL_HEALTHY_LIMIT_S = 5
UNCHANGED = Text("unchanged")
FACTS = facts_for(UP) | {
    *("image", "worker", "holder", "infiniband", "workspace", "place", "worker_place"),
    *("files", "open_files"),
}


def up(
    cluster: Cluster, tell: Tell, *, trust: Trust = trust_nobody, force: bool = False
) -> list[DskError]:
    """Brings all nodes up side by side; the errors of those where it failed, in their order.

    `force`: every worker is recreated, also one that holds a job, which ends the job.
    """
    keys = ensure_keys(cluster, lambda text: tell(Said(text)))
    bundles = render(cluster, keys)
    with open_fleet(cluster, cluster.nodes, trust) as fleet:
        probes = fleet.each(lambda node, server: _look(server, cluster, node, bundles[node.index]))
        if not force:
            _leave_to_others(cluster, keys.owner, fleet, probes)
        _hints(cluster, fleet, probes, tell)
        renewed = _distribute(cluster, fleet, probes, tell)
        if cluster.demo and fleet.good:
            network.ensure(fleet.servers[fleet.good[0].index], cluster, cluster.demo)

        def bring_up(node: Node, server: Server) -> None:
            found, bundle = probes[node.index], bundles[node.index]
            differs = _differences(found, bundle, new_image=node.index in renewed, force=force)
            differs = differs or _unhealthy(server, cluster, node)
            if differs:
                _refuse_while_busy(node, found, force=force)
                if cluster.user and not found.workspace:
                    workspace.make(server, cluster, node)
                _start(server, cluster, node, bundle)
            tell(NodeDone(node, _summary(found, differs)))

        fleet.each(bring_up)
        return fleet.errors


def _look(server: Server, cluster: Cluster, node: Node, bundle: Bundle) -> ServerFacts:
    found = survey(server, cluster, node, FACTS, bundle)
    if error := first_error(cluster, node, found, UP):
        raise error
    return found


def _leave_to_others(
    cluster: Cluster, owner: str, fleet: Fleet, probes: Mapping[int, ServerFacts]
) -> None:
    """Two people may have chosen the same name, as of a cluster that they copied."""
    for node in fleet.good:
        there = probes[node.index].worker
        if there.owner and there.owner != owner:
            whose, _, _ = there.owner.rpartition(" ")
            error = UserError(
                Text(
                    "the worker of a cluster {cluster} there was created from another dsk.yaml: "
                    "{whose}"
                ).filled(cluster=cluster.name, whose=whose),
                where=str(node),
                fix=Text(
                    "give this cluster another name (name: in dsk.yaml) and another worker_port; "
                    "if the other worker is no longer needed, replace it: dsk up --force"
                ),
            )
            fleet.fail(node, error)


def _hints(cluster: Cluster, fleet: Fleet, probes: Mapping[int, ServerFacts], tell: Tell) -> None:
    for node in fleet.good:
        found = probes[node.index]
        if not found.workspace:
            tell(
                Said(
                    Text("creates the folder {folder}").filled(
                        folder=cluster.workspace_source(node)
                    ),
                    node,
                )
            )
        if found.infiniband and cluster.network.infiniband == "auto":
            tell(
                Said(
                    Text(
                        "has InfiniBand, which is not used: network.infiniband is auto; set it to "
                        "on"
                    ),
                    node,
                )
            )


def _distribute(
    cluster: Cluster, fleet: Fleet, probes: Mapping[int, ServerFacts], tell: Tell
) -> frozenset[int]:
    """Gives the image to the nodes that lack it or have another under its name: those nodes."""
    contents = {found.image.content if found.image else None for found in probes.values()}
    if len(contents) <= 1 and None not in contents:
        _hint_at_another(cluster, probes, tell)
        return frozenset()
    return distribute(cluster, fleet, fleet.good, tell)


def _hint_at_another(cluster: Cluster, probes: Mapping[int, ServerFacts], tell: Tell) -> None:
    """What `distribute` says too: a new image that was built here only is not taken."""
    master = probes.get(cluster.master.index)
    if master and master.image and (text := holders.hint(cluster, master.image)):
        tell(Said(text))


def _differences(found: ServerFacts, bundle: Bundle, *, new_image: bool, force: bool) -> list[Text]:
    """Why the worker has to be recreated, in words; nothing where it is as it should be."""
    worker, image = found.worker, found.image
    if worker.state == MISSING:
        return [Text("new")]
    changed = worker.config not in bundle["compose.yaml"].text
    differs = [
        (Text("it was not running"), worker.state != RUNNING),
        (Text("its configuration changed"), changed),
        (Text("its files were changed"), found.files != () or bool(found.open_files)),
        (Text("its image changed"), new_image or not image or worker.image != image.id),
        (Text("its workspace was another folder"), found.moved),
        # GPUs that it lost, or packages that were changed inside: nothing here tells of them.
        (verbatim("--force"), force),
    ]
    return [reason for reason, true in differs if true]


def _unhealthy(server: Server, cluster: Cluster, node: Node) -> list[Text]:
    try:
        worker.wait(server, cluster, node, STILL_HEALTHY_LIMIT_S)
    except DskError:
        return [Text("it did not accept SSH logins")]
    return []


def _refuse_while_busy(node: Node, found: ServerFacts, *, force: bool) -> None:
    if found.holder and not force:
        raise UserError(
            Text("the worker has to be recreated, but it runs job {holder}").filled(
                holder=found.holder
            ),
            where=str(node),
            fix=Text("wait for it, or: dsk stop {holder}; `dsk up --force` kills it").filled(
                holder=found.holder
            ),
        )


def _start(server: Server, cluster: Cluster, node: Node, bundle: Bundle) -> None:
    worker.remove(server, cluster, node)
    bundlefolder.put(server, cluster, node, bundle)
    try:
        worker.start(server, cluster, node)
    except DskError:
        worker.remove(server, cluster, node)
        bundlefolder.remove(server, cluster, node)
        raise


def _summary(found: ServerFacts, differs: list[Text]) -> Text:
    if not differs:
        return UNCHANGED
    if found.worker.state == MISSING:
        return Text("started")
    return Text("recreated: {reasons}").filled(reasons=joined(differs))

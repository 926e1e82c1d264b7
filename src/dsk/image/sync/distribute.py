"""The image's whole way: to the master where it lacks it, and from there to the other nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dsk.checks import transfer
from dsk.cluster.model import Cluster, Node
from dsk.connect import Server
from dsk.errors import DskError, UserError
from dsk.image import holders
from dsk.image.sync import admission, hop, public
from dsk.image.sync.receive import receive
from dsk.image.sync.registry import Registry, remove
from dsk.servers.contact import Fleet, open_fleet
from dsk.servers.progress import NodeDone, Said, Tell, packing
from dsk.servers.survey import survey, with_engine
from dsk.survey.server import ServerFacts
from dsk.survey.values import Image
from dsk.text import Text

FACTS = (*transfer.FACTS, "proxy", "layers")
BY_DIGEST = Text(
    "only its registry can give a node an image by digest: let the node reach it (docker login "
    "there), or name the image by a tag"
)


def distribute(cluster: Cluster, fleet: Fleet, nodes: Sequence[Node], tell: Tell) -> frozenset[int]:
    """Gives the image to those of `nodes` that lack it or have another under its name.

    Returns the indexes of the nodes whose image is new; the errors are in `fleet`.
    """
    try:
        return _distribute(cluster, fleet, nodes, tell)
    except KeyboardInterrupt:
        # Ctrl-C has ended the connections as well. What the nodes have got so far stays, for the
        # next run to go on.
        with open_fleet(cluster, fleet.nodes) as again:
            again.each(lambda node, server: _withdraw(cluster, node, server))
        raise


def _withdraw(cluster: Cluster, node: Node, server: Server) -> None:
    admission.forget(server, cluster, node)
    if node == cluster.master:
        remove(server, cluster)


def _distribute(
    cluster: Cluster, fleet: Fleet, nodes: Sequence[Node], tell: Tell
) -> frozenset[int]:
    there = fleet.each(lambda node, server: look(server, cluster, node))
    master = cluster.master
    try:
        if failed := fleet.error(master):
            raise failed
        server = fleet.servers[master.index]
        found = _at_master(cluster, server, there[master.index], tell)
    except DskError as error:
        for node in (*nodes, master):
            if node in fleet.good and there[node.index].image is None:
                fleet.fail(node, error)
        return frozenset()
    others = [
        node
        for node in nodes
        if node in fleet.good
        and node != master
        and not found.image.same_as(there[node.index].image)
    ]
    for node in others:
        if unfit := transfer.to_receive(cluster, node, found.image, there[node.index]):
            fleet.fail(node, unfit)
    lacking = _good(fleet, others)
    if found.exact:
        lacking = _pull_themselves(cluster, fleet, found, lacking, tell)
    if lacking:
        proxies = {node: there[node.index].proxy.to(master.host) for node in lacking}
        _over_the_lan(cluster, fleet, found, proxies, tell)
    new = {node.index for node in _good(fleet, others)}
    return frozenset(new if there[master.index].image else new | {master.index})


def look(server: Server, cluster: Cluster, node: Node) -> ServerFacts:
    """Raises Unreachable, also where the engine does not answer."""
    return with_engine(survey(server, cluster, node, FACTS), str(node))


@dataclass(frozen=True)
class AtMaster:
    """`exact` is the reference by which the others can pull it too; `there`: the master with it."""

    image: Image
    exact: str | None
    there: ServerFacts


def _at_master(cluster: Cluster, server: Server, there: ServerFacts, tell: Tell) -> AtMaster:
    """The master's image, fetched where it lacks it. Raises DskError."""
    master = cluster.master
    exact = cluster.image if holders.by_digest(cluster.image) else None
    try:
        source = holders.find_source(cluster, server, there.image)
    except UserError:
        if not public.in_a_registry(cluster.image):
            raise
        tell(Said(Text("pulling {image}").filled(image=cluster.image), master))
        exact = public.resolve(server, cluster, master)
        found = holders.inspect(server, cluster.image)
        if found is None:
            raise DskError(
                Text("{image} was pulled but is missing").filled(image=cluster.image),
                where=str(master),
            ) from None
        if unfit := transfer.mismatch(found, cluster.image, there, cluster.devices, str(master)):
            public.remove(server, cluster)
            raise unfit from None
        tell(NodeDone(master, Text("pulled {exact}").filled(exact=exact)))
        return AtMaster(found, exact, look(server, cluster, master))
    if source.server is server:
        if text := holders.hint(cluster, source.image):
            tell(Said(text))
    else:
        if unfit := transfer.to_receive(cluster, master, source.image, there):
            raise unfit
        hop.to_master(cluster, server, there, source, tell)
        there = look(server, cluster, master)
    return AtMaster(source.image, exact, there)


def _pull_themselves(
    cluster: Cluster, fleet: Fleet, found: AtMaster, nodes: Sequence[Node], tell: Tell
) -> list[Node]:
    """By digest, from where the master had it; the nodes that cannot, and may get it from it."""
    exact = str(found.exact)

    def take(node: Node, server: Server) -> DskError | None:
        try:
            public.take(server, cluster, node, exact)
        except DskError as error:
            return error
        holders.compare(server, cluster.image, found.image, str(node), exact)
        tell(NodeDone(node, Text("pulled {exact}").filled(exact=exact)))
        return None

    refused: Mapping[int, DskError | None] = fleet.each(take, nodes)
    left = []
    for node in _good(fleet, nodes):
        if error := refused[node.index]:
            if holders.by_digest(cluster.image):
                error.remedy = BY_DIGEST
                fleet.fail(node, error)
            else:
                tell(
                    Said(
                        Text("cannot pull {exact} itself: {why}").filled(
                            exact=exact, why=error.told
                        ),
                        node,
                    )
                )
                left.append(node)
    return left


def _over_the_lan(
    cluster: Cluster, fleet: Fleet, found: AtMaster, proxies: Mapping[Node, str], tell: Tell
) -> None:
    """To these nodes, each with the proxy that its engine asks for the master, if any."""
    master, nodes = cluster.master, list(proxies)
    names = ", ".join(node.name for node in nodes)
    try:
        if error := transfer.to_serve(master, found.image, found.there):
            raise error
        tell(
            Said(
                Text("sending {image} from {sender} to {names}").filled(
                    image=cluster.image, sender=master.name, names=names
                )
            )
        )
        tell(packing(master.name))
        with Registry(fleet.servers[master.index], cluster, found.image) as registry:
            fleet.each(
                lambda node, server: receive(server, node, registry, tell, proxies[node]), nodes
            )
    except DskError as error:
        for node in _good(fleet, nodes):
            fleet.fail(node, error)


def _good(fleet: Fleet, nodes: Sequence[Node]) -> list[Node]:
    return [node for node in nodes if node in fleet.good]

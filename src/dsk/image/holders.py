"""Which engine has the cluster's image; its way to the others is image.sync."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dsk.accelerators import Accelerator
from dsk.cluster.model import Cluster, Local
from dsk.connect import THIS_MACHINE, Server, open_server
from dsk.errors import DskError, Unreachable, UserError
from dsk.servers.survey import ask
from dsk.survey.values import Image
from dsk.text import Text


@dataclass(frozen=True)
class Source:
    """An engine that has the image."""

    server: Server
    image: Image
    name: str | Text


def by_digest(reference: str) -> bool:
    """Only a pull from its registry can give an engine such a name: `docker save` leaves it out."""
    return "@" in reference


def inspect(server: Server, reference: str) -> Image | None:
    """Raises Unreachable."""
    found = ask(server, ("image",), {"image": reference}, Accelerator(""))
    if problem := found.problems.get("image"):
        text = Text("docker image inspect {problem}")
        raise Unreachable(text.filled(problem=problem), where=server.where)
    return found.image


def find_source(cluster: Cluster, master: Server | None, has: Image | None) -> Source:
    """The master's engine, else this machine's. Raises UserError where neither can give it."""
    if master is not None and has is not None:
        return Source(master, has, str(cluster.master))
    if by_digest(cluster.image):
        raise UserError(
            Text(
                "the master does not have the image {image}, which only a registry can provide"
            ).filled(image=cluster.image),
            where=str(cluster.master),
            fix=Text("name the registry too (HOST/NAME@sha256:…), or the image by a tag"),
        )
    if found := here(cluster):
        return found
    raise UserError(
        Text("neither the master nor this machine has the image {image}").filled(
            image=cluster.image
        ),
        fix=Text("build it in dsk's source folder: make image; or: docker pull {image}").filled(
            image=cluster.image
        ),
    )


def here(cluster: Cluster) -> Source | None:
    """The engine of the machine that dsk runs on, where it has the image."""
    server = open_server(Local(), Path())
    found = inspect(server, cluster.image)
    return Source(server, found, THIS_MACHINE) if found else None


def hint(cluster: Cluster, masters: Image) -> Text | None:
    """Where this machine has another image under the name than the master: how to send it."""
    if isinstance(cluster.master.server, Local):
        return None
    try:
        mine = here(cluster)
    except Unreachable:  # an engine here that hangs is of no interest to the nodes
        return None
    if mine is None or mine.image.content == masters.content:
        return None
    return Text(
        "this machine has another {image}, and the master's is used; to send this one: "
        "dsk image save FILE, then: dsk image load FILE --node {master}"
    ).filled(image=cluster.image, master=cluster.master.name)


def compare(server: Server, reference: str, wanted: Image, where: str, sender: str | Text) -> None:
    """Raises DskError where what arrived under the name is not what was sent."""
    arrived = inspect(server, reference)
    if arrived is None or arrived.content != wanted.content:
        raise DskError(
            Text("the image {reference} there is not the one that {sender} sent").filled(
                reference=reference, sender=sender
            ),
            where=where,
            fix=Text("there: docker image rm {reference}; then retry").filled(reference=reference),
        )

"""Whether an image can go to a server: for `dsk up` and `dsk image`, before anything is sent."""

from __future__ import annotations

from dsk.accelerators import Accelerator
from dsk.checks import driver
from dsk.cluster.model import Cluster, Node
from dsk.errors import DskError
from dsk.survey.server import ServerFacts
from dsk.survey.values import Image
from dsk.text import Text

GB = 1e9
FACTS = ("engine", "engine_disk", "image", "gpu_devices", "driver")

RECEIVING = Text("the image needs {needed:.1f} GB there; {free:.1f} GB are free")
SENDING = Text("sending the image needs {needed:.1f} GB free on the master; {free:.1f} GB are free")
LOADING = Text(
    "`docker load` temporarily needs about {needed:.1f} GB where Docker keeps its images; "
    "{free:.1f} GB are free"
)


# The image, and its layers as they came, which an engine keeps until it has unpacked them: of
# dsk:cu128, compressed, at worst three fifths.
ROOM_TO_RECEIVE = 1.6
# What `docker save` writes before it says a word, and the layers, not compressed at worst.
ROOM_TO_SERVE = 2.0


def to_receive(cluster: Cluster, node: Node, image: Image, server: ServerFacts) -> DskError | None:
    """Why the node cannot take the image, which it lacks."""
    where = str(node)
    if error := mismatch(image, cluster.image, server, cluster.devices, where):
        return error
    # How much the layers that are missing take is known once they were read.
    if image.shared_with(server.layers):
        return None
    return no_room(RECEIVING, image.size * ROOM_TO_RECEIVE, server, where)


def to_serve(node: Node, image: Image, server: ServerFacts) -> DskError | None:
    """Why the master cannot give the image to others."""
    return no_room(SENDING, image.size * ROOM_TO_SERVE, server, str(node))


def mismatch(
    image: Image,
    reference: str,
    server: ServerFacts,
    devices: Accelerator,
    where: str | Text,
    *,
    error: type[DskError] = DskError,
) -> DskError | None:
    """Why the image would not run on the server; `error` is that of another processor."""
    if server.engine.platform != image.platform:
        return error(
            Text("the image {image} is for {platform}, this server is {here}").filled(
                image=reference, platform=image.platform, here=server.engine.platform
            ),
            where=where,
            fix=Text(
                "all nodes of a cluster must have one processor architecture; remove this one "
                "from dsk.yaml, or build the image on such a machine: make image"
            ),
        )
    if not devices.server_devices:
        return None
    found = driver.against_image(0, server, image, devices)
    if found.state != "failed":
        return None
    return found.error(found.text, where=where, fix=found.fix)


def no_room(why: Text, needed: float, server: ServerFacts, where: str | Text) -> DskError | None:
    """`why` is one of the texts above; an engine whose data is elsewhere may have room."""
    disk = server.engine_disk
    if disk is None or disk.free >= needed:
        return None
    return DskError(
        why.filled(needed=needed / GB, free=disk.free / GB),
        where=where,
        fix=Text(
            "free space on the engine's disk (there: docker system df; docker image prune), or "
            "move its data-root to a larger one"
        ),
    )

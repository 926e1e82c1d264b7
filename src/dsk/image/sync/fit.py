"""Whether an image can go to a node, said before anything is sent. Pure."""

from __future__ import annotations

from dsk.cluster.model import Cluster, Node
from dsk.errors import DskError
from dsk.image.sync.look import There
from dsk.servers import driver
from dsk.servers.probe import Image
from dsk.text import Text

GB = 1e9
# The image, and its layers as they came, which an engine keeps until it has unpacked them: of
# dsk:cu128, compressed, at worst three fifths.
ROOM_TO_RECEIVE = 1.6
# What `docker save` writes before it says a word, and the layers, not compressed at worst.
ROOM_TO_SERVE = 2.0


def problem(cluster: Cluster, node: Node, image: Image, there: There) -> DskError | None:
    """Why the node cannot take the image, which it lacks."""
    if found := mismatch(cluster, node, image, there):
        return found
    # How much the layers that are missing take is known once they were read.
    if there.shared(image.layers) == 0:
        text = Text("the image needs {needed:.1f} GB there; {free:.1f} GB are free")
        return _no_room(text, image.size * ROOM_TO_RECEIVE, there, str(node))
    return None


def mismatch(cluster: Cluster, node: Node, image: Image, there: There) -> DskError | None:
    """Why the image would not run on the node."""
    where = str(node)
    if there.platform != image.platform:
        return DskError(
            Text("the image {image} is for {platform}, this server is {here}").filled(
                image=cluster.image, platform=image.platform, here=there.platform
            ),
            where=where,
            fix=Text(
                "all nodes of a cluster must have one processor architecture; remove this "
                "one from dsk.yaml, or build the image on such a machine"
            ),
        )
    if cluster.devices.server_devices:
        return driver.problem(cluster.devices, image.labels, there.driver, where)
    return None


def cannot_serve(node: Node, image: Image, there: There) -> DskError | None:
    """Why the master cannot give the image to others."""
    text = Text(
        "sending the image needs {needed:.1f} GB free on the master; {free:.1f} GB are free"
    )
    return _no_room(text, image.size * ROOM_TO_SERVE, there, str(node))


def _no_room(text: Text, needed: float, there: There, where: str) -> DskError | None:
    if there.free is None or there.free >= needed:
        return None
    return DskError(
        text.filled(needed=needed / GB, free=there.free / GB),
        where=where,
        fix=Text(
            "free space on the engine's disk (there: docker system df; docker image "
            "prune), or move its data-root to a larger one"
        ),
    )

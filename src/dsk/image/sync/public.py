"""The image from the registry that its reference names, pulled by digest as the login may."""

from __future__ import annotations

import contextlib

from dsk.cluster.model import Cluster, Node
from dsk.connect import Server
from dsk.errors import Unreachable
from dsk.image import holders
from dsk.image.sync.receive import pull_error

PULL_LIMIT_S = 4 * 3600.0
REMOVE_LIMIT_S = 120.0

# The docker program, not the engine's API: it knows the login's ~/.docker/config.json. Prints the
# references by digest that the image then has.
PULL = r"""
docker pull --quiet "$1" >/dev/null || exit 1
docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$1"
"""
NAME = r"""
docker pull --quiet "$1" >/dev/null && exec docker tag "$1" "$2"
"""


def in_a_registry(reference: str) -> bool:
    """Whether a pull is tried: a name without a slash, such as dsk:cu128, is one built here."""
    return "/" in reference


def resolve(server: Server, cluster: Cluster, node: Node) -> str:
    """Pulls the image on the master; its reference by digest. Raises DskError."""
    done = server.run(["sh", "-c", PULL, "dsk", cluster.image], timeout=PULL_LIMIT_S)
    if done.returncode:
        raise pull_error(done.error, str(node), cluster.image)
    return pick(cluster.image, done.text.split())


def remove(server: Server, cluster: Cluster) -> None:
    """Takes away what was pulled in vain, as far as that can be done; why it was in vain counts."""
    with contextlib.suppress(Unreachable):
        server.run(["docker", "image", "rm", cluster.image], timeout=REMOVE_LIMIT_S)


def pick(reference: str, digests: list[str]) -> str:
    """The one of an image's references by digest that is of this reference's repository. Pure."""
    if holders.by_digest(reference):
        return reference
    repository = reference.rpartition(":")[0] if ":" in reference.rpartition("/")[2] else reference
    return next((one for one in digests if one.partition("@")[0] == repository), reference)


def take(server: Server, cluster: Cluster, node: Node, exact: str) -> None:
    """The same on another node, by digest. Raises DskError."""
    if holders.by_digest(cluster.image):
        argv = ["docker", "pull", "--quiet", exact]
    else:
        argv = ["sh", "-c", NAME, "dsk", exact, cluster.image]
    done = server.run(argv, timeout=PULL_LIMIT_S)
    if done.returncode:
        raise pull_error(done.error, str(node), cluster.image)

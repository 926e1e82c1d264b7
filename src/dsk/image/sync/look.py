"""What matters to the image's way on a server, asked in one round trip."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from dsk.accelerators import Accelerator
from dsk.cluster.model import Cluster
from dsk.connect import Server
from dsk.connect.engine import engine_error
from dsk.servers import driver, room
from dsk.servers.probe import Image

LIMIT_S = 60.0

# Lines: platform, KiB free, the engine's proxy and what it reaches without it, the image or `null`,
# the layers of each image that is there, an empty one, and what the accelerator's driver says of
# itself.
SCRIPT = (
    r"""
docker version --format '{{.Server.Os}}/{{.Server.Arch}}' || exit 1
"""
    + room.FREE
    + r"""
proxy=$(docker info --format '{{.HTTPSProxy}} {{.NoProxy}}' 2>/dev/null) || proxy=' '
printf '%s\n' "$proxy"
image=$(docker image inspect --format '{{json .}}' "$1" 2>/dev/null) || image=null
printf '%s\n' "$image"
docker image ls --quiet --no-trunc | sort -u |
  xargs -r docker image inspect --format '{{json .RootFS.Layers}}' 2>/dev/null
echo
sh -c "$2" 2>/dev/null
exit 0
"""
)


@dataclass(frozen=True)
class There:
    """`free` in bytes, None where unknown; `stacks`: the layers of each image there; `driver` empty
    where none is; `proxy` is the engine's, empty where it has none, and `no_proxy` as it has it."""

    platform: str
    free: int | None
    image: Image | None
    stacks: tuple[tuple[str, ...], ...]
    driver: str
    proxy: str = ""
    no_proxy: str = ""

    def has_content(self, image: Image) -> bool:
        return self.image is not None and self.image.content == image.content

    def shared(self, layers: Sequence[str]) -> int:
        """How many of the lowest of `layers` are there."""
        return max((_common(stack, layers) for stack in self.stacks), default=0)

    def proxy_to(self, address: str) -> str:
        """The proxy by which the engine pulls from this IPv4 address; empty where there is none."""
        without = any(_covers(entry.strip(), address) for entry in self.no_proxy.split(","))
        return "" if without else self.proxy


def look(server: Server, cluster: Cluster, where: str) -> There:
    """Raises Unreachable."""
    argv = ["sh", "-c", SCRIPT, "dsk", cluster.image, cluster.devices.server_driver]
    done = server.run(argv, timeout=LIMIT_S)
    if done.returncode:
        raise engine_error(done.error, where)
    return parse(done.text, cluster.devices)


def parse(output: str, devices: Accelerator) -> There:
    """Reads SCRIPT's output."""
    told, _, said = output.partition("\n\n")
    platform, free, proxies, image, *stacks = told.splitlines()
    proxy, _, no_proxy = proxies.partition(" ")
    return There(
        platform,
        room.read(free),
        None if image == "null" else Image.inspected(image),
        tuple(tuple(json.loads(stack) or ()) for stack in stacks),
        driver.version(devices, said),
        proxy,
        no_proxy,
    )


def _covers(entry: str, address: str) -> bool:
    """Whether an entry of NO_PROXY names the address, as Go reads it: `*`, an address or a net."""
    try:
        return entry == "*" or ip_address(address) in ip_network(entry, strict=False)
    except ValueError:
        return False


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    pairs = zip(first, second, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))

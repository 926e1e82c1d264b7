"""What facts of a server are made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from dsk.errors import DskError

RUNNING, MISSING = "running", "missing"
GONE = "gone"
"""In place of a folder's device and inode."""


@dataclass(frozen=True)
class Clock:
    """`ahead` of this machine's clock in seconds, known to within `uncertainty`: half the round
    trip in which it was asked."""

    ahead: float
    uncertainty: float


@dataclass(frozen=True)
class Engine:
    """A Docker engine. `problem` is why it does not answer; `platform` as `linux/amd64`."""

    version: str = ""
    platform: str = ""
    problem: DskError | None = None


@dataclass(frozen=True)
class Proxy:
    """An engine's: `url` is empty where it has none, `without` its NO_PROXY."""

    url: str = ""
    without: str = ""

    def to(self, address: str) -> str:
        """The proxy by which the engine pulls from this IPv4 address; empty where there is none."""
        direct = any(_covers(entry.strip(), address) for entry in self.without.split(","))
        return "" if direct else self.url


def _covers(entry: str, address: str) -> bool:
    """Whether an entry of NO_PROXY names the address, as Go reads it: `*`, an address or a net."""
    try:
        return entry == "*" or ip_address(address) in ip_network(entry, strict=False)
    except ValueError:
        return False


@dataclass(frozen=True)
class Image:
    """`id` is the engine's own; `content` is the same on every engine, whatever its image store.

    `size` in bytes, unpacked; `platform` as `linux/amd64`; `layers`: their diff ids, lowest first.
    """

    id: str
    content: str
    size: int
    platform: str = ""
    layers: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def inspected(cls, text: str) -> Image:
        """Of `docker image inspect`."""
        raw: dict[str, Any] = json.loads(text)
        told = json.dumps([raw["RootFS"]["Layers"], raw["Config"].get("Env"), raw["Created"][:19]])
        return cls(
            raw["Id"],
            hashlib.sha256(told.encode()).hexdigest(),
            raw["Size"],
            f"{raw.get('Os', '')}/{raw.get('Architecture', '')}",
            tuple(raw["RootFS"]["Layers"]),
            raw["Config"].get("Labels") or {},
        )

    def same_as(self, other: Image | None) -> bool:
        return other is not None and other.content == self.content

    def shared_with(self, images: Sequence[Sequence[str]]) -> int:
        """How many of the lowest layers are in one of `images`, which are lists of layers."""
        return max((_common(layers, self.layers) for layers in images), default=0)


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    pairs = zip(first, second, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))


@dataclass(frozen=True)
class Worker:
    """A node's worker container. `state` is the engine's word for it, or MISSING; `image` its
    image's id, `config` its dsk.config label, `owner` whose dsk.yaml made it ("": an older dsk)."""

    state: str = MISSING
    image: str = ""
    config: str = ""
    owner: str = ""

    @property
    def alive(self) -> bool:
        """Has processes, such as an sshd that holds a port."""
        return self.state in (RUNNING, "restarting", "paused")


@dataclass(frozen=True)
class Disk:
    """Bytes of the file system that `path` is on."""

    path: str
    total: int
    free: int


@dataclass(frozen=True)
class Listener:
    """A TCP port that something listens on, with `program` and `pid` where the server's own tools
    tell them: they do to root."""

    address: str
    port: int
    program: str = ""
    pid: int | None = None


@dataclass(frozen=True)
class GpuProcess:
    """`memory` in bytes."""

    pid: int
    program: str
    memory: int


@dataclass(frozen=True)
class Gpu:
    """One GPU as nvidia-smi describes it. `memory` in bytes, temperature in °C, clocks in MHz.

    `slowdowns` are the reasons that hold its clocks down now, in nvidia-smi's words, without being
    idle and the user's own settings. `ecc_errors` are uncorrected ones since the driver was loaded;
    `pending`: memory waits for a reset to be remapped or retired.
    """

    index: int
    bus: str
    name: str
    memory: int
    used: int
    temperature: int | None = None
    clock: int | None = None
    max_clock: int | None = None
    slowdowns: tuple[str, ...] = ()
    ecc_errors: int | None = None
    pending: bool = False
    processes: tuple[GpuProcess, ...] = ()


@dataclass(frozen=True)
class Xid:
    """An error that the NVIDIA driver wrote into the kernel's log."""

    bus: str
    number: int
    text: str


@dataclass(frozen=True)
class Container:
    """One of the cluster's own on a server; `host` is the address of the node that it was made for,
    `job` that of a master container."""

    name: str
    role: str
    host: str
    state: str
    job: str = ""

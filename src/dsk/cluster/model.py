"""What one dsk.yaml says, checked. Everything after the edge works with these values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

from dsk.accelerators import Accelerator, accelerator
from dsk.wire.notify import TargetKind

InfiniBand = Literal["auto", "on", "off"]
Warm = Literal["auto", "true", "false"]
Save = Literal["recipe", "auto"]
SAVES: tuple[Save, ...] = get_args(Save)

DEFAULT_IMAGE = "dsk:cu128"
DEFAULT_ACCELERATOR = "cuda"
DEFAULT_WORKSPACE = PurePosixPath("/workspace")
DEFAULT_WORKER_PORT = 2222
DEFAULT_SHM_SIZE = "16gb"


@dataclass(frozen=True)
class Local:
    """The server is the machine that dsk runs on."""

    def __str__(self) -> str:
        return "local"


@dataclass(frozen=True)
class SshTarget:
    """How dsk reaches a server's own sshd; OpenSSH and its configuration decide what is None."""

    user: str | None
    host: str
    port: int | None = 22
    key: Path | None = None

    @property
    def login(self) -> str:
        """As ssh's argument."""
        return f"{self.user}@{self.host}" if self.user else self.host

    def __str__(self) -> str:
        return f"{self.login}:{self.port}" if self.port else self.login


@dataclass(frozen=True)
class Node:
    """One GPU server. `index` is its place in dsk.yaml; 0 is the master.

    `host` is its IPv4 address on the LAN, `slots` the number of accelerators used there.
    """

    index: int
    host: str
    slots: int
    server: Local | SshTarget

    @property
    def name(self) -> str:
        return f"node{self.index}"

    def __str__(self) -> str:
        return f"{self.name} ({self.host})"


@dataclass(frozen=True)
class Network:
    """`interface` is an interface's name on every node, or "auto": each finds its own."""

    interface: str = "auto"
    infiniband: InfiniBand = "auto"


@dataclass(frozen=True)
class User:
    """Whom the workers run as, by the servers' numbers."""

    uid: int
    gid: int

    def __str__(self) -> str:
        return f"{self.uid}:{self.gid}"


@dataclass(frozen=True)
class Secret:
    """Where a credential is: in dsk.yaml (`value`), in a variable of dsk's environment, or in a
    file. One of the three is set."""

    value: str | None = field(default=None, repr=False)
    variable: str | None = None
    file: Path | None = None


@dataclass(frozen=True)
class NotifyTarget:
    """Where messages about jobs are sent; `index` is its place under `notify`."""

    index: int
    name: str
    kind: TargetKind
    events: tuple[str, ...]
    url: Secret | None = None
    secret: Secret | None = None
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class Demo:
    """What sets a demo cluster apart: its nodes share one machine.

    The workers stand on a Docker network of their own (`network`, with `subnet`) instead of host
    networking, and each node's workspace is a folder of its own on that machine (`workspaces`, by
    node index), mounted at the cluster's one workspace path. Each worker has `cpus` of its cores.
    """

    network: str
    subnet: str
    workspaces: tuple[PurePosixPath, ...]
    cpus: float


@dataclass(frozen=True)
class Cluster:
    """The nodes of one dsk.yaml and what they share. `workspace` is the same path on every node.

    `in_place`: the servers are themselves containers of the image, without an engine, and dsk runs
    in the first one. `user` None: the workers run as root. `warm`: whether each worker keeps a
    process that ranks are forked from. `save`: when jobs save checkpoints, as train.yaml says or by
    what saves cost. `time_limit`: of every job, in seconds.
    """

    name: str
    nodes: tuple[Node, ...]
    file: Path
    image: str = DEFAULT_IMAGE
    workspace: PurePosixPath = DEFAULT_WORKSPACE
    user: User | None = None
    worker_port: int = DEFAULT_WORKER_PORT
    accelerator: str = DEFAULT_ACCELERATOR
    shm_size: str = DEFAULT_SHM_SIZE
    network: Network = Network()
    warm: Warm = "auto"
    save: Save = "recipe"
    time_limit: float | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    notify: tuple[NotifyTarget, ...] = ()
    demo: Demo | None = None
    in_place: bool = False

    @property
    def master(self) -> Node:
        return self.nodes[0]

    @property
    def devices(self) -> Accelerator:
        """What is known of the kind of accelerator that the ranks compute on."""
        return accelerator(self.accelerator)

    @property
    def world_size(self) -> int:
        return sum(node.slots for node in self.nodes)

    @property
    def login(self) -> str:
        """The workers' one login, by its name there."""
        return "dsk" if self.user else "root"

    def workspace_source(self, node: Node) -> PurePosixPath:
        """The folder on the node's server that its containers see as the workspace."""
        return self.demo.workspaces[node.index] if self.demo else self.workspace

    @property
    def state_dir(self) -> Path:
        """`.dsk/` beside dsk.yaml: keys, known hosts, the rendered bundle."""
        return self.file.parent / ".dsk"

    @property
    def key(self) -> Path:
        """The cluster's private key, with which the master logs in to the workers."""
        return self.state_dir / "keys" / "cluster"

    def supervised_in_place(self) -> Cluster:
        """The same nodes where each server is the worker's container: its only sshd is that one."""
        nodes = tuple(
            replace(node, server=SshTarget(self.login, node.host, self.worker_port, self.key))
            for node in self.nodes
        )
        return replace(self, nodes=nodes, in_place=True)

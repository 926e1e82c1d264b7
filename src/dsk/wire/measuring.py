"""What `dsk.supervisor.measure` asks the workers' agents, and what they answer.

The agent of a worker is `python -m dsk.agent.measure HOST NODE`: the node's address and index. Its
answers are measurements as wire.measure has them. Each limit is in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from dsk.wire.measure import (
    Choice,
    Packet,
    Port,
    Ports,
    Reach,
    Route,
    Speed,
)
from dsk.wire.request import Request

LOOK_LIMIT_S = 20.0
ASK_LIMIT_S = 10.0
DROP_LIMIT_S = 5.0
"""A packet that is dropped is sent again after 1 and 3 s: two may be lost by chance."""

Target = tuple[int, str, int]
"""The index of a node, an address of it, and a port there."""


@dataclass(frozen=True)
class Looked:
    """`measured`: lines of wire.measure, of any kind that the worker measures of itself."""

    measured: tuple[str, ...]
    choice: Choice


@dataclass(frozen=True)
class Look(Request[Looked], op="look", limit_s=LOOK_LIMIT_S):
    """What the node has, and what its worker has chosen of it."""


@dataclass(frozen=True)
class Opened:
    tcp: int
    udp: int


@dataclass(frozen=True)
class OpenPorts(Request[Opened], op="open_ports", limit_s=ASK_LIMIT_S):
    """Ports that serve these addresses, for the measurements of the others."""

    peers: tuple[str, ...]


@dataclass(frozen=True)
class FindRoutes(Request[tuple[Route, ...]], op="find_routes", limit_s=ASK_LIMIT_S):
    """To each node's address."""

    targets: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Connect(Request[tuple[Reach, ...]], op="connect", limit_s=DROP_LIMIT_S + ASK_LIMIT_S):
    """To all at once, for DROP_LIMIT_S at most. `chosen`: from the address of the interface that
    NCCL uses; otherwise from the node's own."""

    targets: tuple[Target, ...]
    chosen: bool


@dataclass(frozen=True)
class TryPackets(Request[tuple[Packet, ...]], op="try_packets", limit_s=ASK_LIMIT_S):
    targets: tuple[Target, ...]


@dataclass(frozen=True)
class SendData(Request[Speed], op="send_data", limit_s=2 * ASK_LIMIT_S):
    target: Target


@dataclass(frozen=True)
class Rendezvous:
    ports: Ports
    held: tuple[Port, ...]


@dataclass(frozen=True)
class LookAtPorts(Request[Rendezvous], op="look_at_ports", limit_s=ASK_LIMIT_S):
    """Those from which a job takes one for its rendezvous."""

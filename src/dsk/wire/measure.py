"""What the workers measure among themselves: the order, and what is told, raw. checks judge it.

The operator's side starts `python -m dsk.supervisor.measure` in the master's worker and writes an
Order as the first line of its input; it gets one JSON object a line, the last one Complete. When
the input ends, so does the program.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

from dsk.text import Text
from dsk.wire import PROTOCOL
from dsk.wire.jobspec import JobNode, of_this_protocol
from dsk.wire.tagged import Tagged

Outcome = Literal["ok", "refused", "timeout", "no route", "error"]


@dataclass(frozen=True)
class Order:
    """`nodes` begins with the master. `speed`: data is sent as well, a second or two a round."""

    nodes: tuple[JobNode, ...]
    worker_port: int
    speed: bool = True
    protocol: int = PROTOCOL

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Order:
        """Raises ProtocolMismatch where the text is of another protocol number."""
        return cls(**of_this_protocol(text))


@dataclass(frozen=True)
class Measured:
    """Each kind is a class below; its name in lower case stands for it in JSON."""


@dataclass(frozen=True)
class Knock(Measured):
    """The master tried the TCP port of `node`'s sshd."""

    node: int
    outcome: Outcome
    problem: str = ""


@dataclass(frozen=True)
class Silent(Measured):
    """`node` takes no further part: no session from the master to it, or it stopped answering."""

    node: int
    problem: Text
    fix: Text | None = None


@dataclass(frozen=True)
class Interface(Measured):
    """`addresses` are IPv4 with their prefix length; `kind` the kernel's (bridge, veth, bond, …),
    "loopback", or "" for a device. `up` as configured, `carrier` as the cable says. `speed` in
    Mbit/s and `duplex` where the device knows them."""

    node: int
    name: str
    kind: str
    addresses: tuple[str, ...]
    mtu: int
    up: bool
    carrier: bool
    speed: int | None = None
    duplex: str | None = None


@dataclass(frozen=True)
class Choice(Measured):
    """What the worker of `node` tells NCCL and Gloo: `interface`, and whether InfiniBand is off.
    `address` is the one on it at which the others found it here."""

    node: int
    interface: str
    address: str
    infiniband_off: bool


@dataclass(frozen=True)
class Route(Measured):
    """By which interface and from which address `node` sends to `peer`."""

    node: int
    peer: int
    interface: str
    source: str
    problem: str = ""


@dataclass(frozen=True)
class Reach(Measured):
    """`node` opened a TCP connection to a free port of `peer`'s, in the range that NCCL's are
    from. `rtt` in seconds, as the kernel measured it on the handshake."""

    node: int
    peer: int
    outcome: Outcome
    rtt: float | None = None
    problem: str = ""


@dataclass(frozen=True)
class Packet(Measured):
    """Bytes of the largest IP packet that arrived unfragmented from `node` at `peer`, of `mtu`
    bytes at most; 0 where none did, not even a small one (UDP is blocked)."""

    node: int
    peer: int
    mtu: int
    passed: int


@dataclass(frozen=True)
class Speed(Measured):
    """TCP from `node` to `peer`, in bits per second, while the opposite direction was busy too.
    `problem` where it could not be measured."""

    node: int
    peer: int
    rate: float
    problem: str = ""


@dataclass(frozen=True)
class Port(Measured):
    """A port of the rendezvous' range that something on the master listens on. `holder` is the
    program, `pid` its process id in the worker; "" and 0 for one outside the worker, which cannot
    be seen from inside. `job` where it is a rank of one."""

    node: int
    port: int
    holder: str = ""
    pid: int = 0
    job: str = ""


@dataclass(frozen=True)
class Ports(Measured):
    """`free` is the first free port of the rendezvous' range `first` to `last`, None if none."""

    node: int
    first: int
    last: int
    free: int | None


@dataclass(frozen=True)
class InfiniBand(Measured):
    """One port of an RDMA device, in the words of /sys/class/infiniband. `handed_in`: the worker
    has the device files that NCCL opens."""

    node: int
    device: str
    port: int
    state: str
    rate: str
    layer: str
    handed_in: bool


@dataclass(frozen=True)
class Complete(Measured):
    """Everything has been told. `rounds` of pairs sent data."""

    seconds: float
    rounds: int


_LINES = Tagged("measured", "a measurement", *Measured.__subclasses__())


def encode(measured: Measured) -> str:
    return _LINES.encode(measured)


def decode(line: str) -> Measured:
    """Raises ValueError where the line is no measurement."""
    measured: Measured = _LINES.decode(line)
    return measured

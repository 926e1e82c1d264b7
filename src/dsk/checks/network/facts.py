"""The measurements of one run, by node and by pair."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from dsk.checks.model import Finding
from dsk.cluster.model import Cluster
from dsk.wire.measure import (
    Choice,
    InfiniBand,
    Interface,
    Knock,
    Measured,
    Packet,
    Port,
    Ports,
    Reach,
    Route,
    Silent,
    Speed,
)

Pair = tuple[int, int]
"""From a node to its peer."""
T = TypeVar("T")


@dataclass(frozen=True)
class Network:
    knocks: Mapping[int, Knock] = field(default_factory=dict)
    silent: Mapping[int, Silent] = field(default_factory=dict)
    interfaces: Mapping[int, Mapping[str, Interface]] = field(default_factory=dict)
    choices: Mapping[int, Choice] = field(default_factory=dict)
    routes: Mapping[Pair, Route] = field(default_factory=dict)
    reaches: Mapping[Pair, Reach] = field(default_factory=dict)
    packets: Mapping[Pair, Packet] = field(default_factory=dict)
    speeds: Mapping[Pair, Speed] = field(default_factory=dict)
    ports: Ports | None = None
    held: tuple[Port, ...] = ()
    infiniband: tuple[InfiniBand, ...] = ()

    def chosen(self, node: int) -> Interface | None:
        """The interface that NCCL and Gloo use there."""
        choice = self.choices.get(node)
        return self.interfaces.get(node, {}).get(choice.interface) if choice else None

    def gets_through(self, pair: Pair) -> bool:
        reach = self.reaches.get(pair)
        return reach is not None and reach.outcome == "ok"


Check = Callable[[Cluster, Network], list[Finding]]


def gather(measured: Iterable[Measured]) -> Network:
    all_ = list(measured)

    def of(kind: type[T]) -> list[T]:
        return [each for each in all_ if isinstance(each, kind)]

    interfaces: dict[int, dict[str, Interface]] = {}
    for each in of(Interface):
        interfaces.setdefault(each.node, {})[each.name] = each
    return Network(
        knocks={each.node: each for each in of(Knock)},
        silent={each.node: each for each in of(Silent)},
        interfaces=interfaces,
        choices={each.node: each for each in of(Choice)},
        routes={(each.node, each.peer): each for each in of(Route)},
        reaches={(each.node, each.peer): each for each in of(Reach)},
        packets={(each.node, each.peer): each for each in of(Packet)},
        speeds={(each.node, each.peer): each for each in of(Speed)},
        ports=next(reversed(of(Ports)), None),
        held=tuple(of(Port)),
        infiniband=tuple(of(InfiniBand)),
    )

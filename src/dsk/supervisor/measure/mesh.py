"""Every node against every other one: what gets through, then how much."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass

from dsk.supervisor.measure.party import Party
from dsk.supervisor.measure.rounds import rounds
from dsk.wire.measure import Complete, Knock, Measured, Order, decode
from dsk.wire.measuring import (
    Connect,
    FindRoutes,
    Look,
    LookAtPorts,
    OpenPorts,
    SendData,
    Target,
    TryPackets,
)


@dataclass(frozen=True)
class End:
    """Where a node's measurements are met."""

    address: str
    tcp: int
    udp: int


class Mesh:
    def __init__(self, order: Order, party: Party, tell: Callable[[Measured], None]) -> None:
        self._order = order
        self._party = party
        self._tell = tell
        self._ends: dict[int, End] = {}

    def run(self) -> None:
        """Tells everything. A node that fails is left out of what follows."""
        begun = time.monotonic()
        self._gather()
        through = self._through()
        done = self._speeds(through) if self._order.speed else 0
        self._tell(Complete(round(time.monotonic() - begun, 1), done))

    def _gather(self) -> None:
        master, *others = self._order.nodes
        looks = self._party.join([master], Look())
        if not looks:
            return
        # The TCP ports first: one that drops packets would hold a login for longer.
        targets = tuple((node.index, node.host, self._order.worker_port) for node in others)
        knocks = self._party.ask({master.index: Connect(targets, chosen=False)})
        answering = set()
        for each in knocks.get(master.index, ()):
            self._tell(Knock(each.peer, each.outcome, each.problem))
            if each.outcome == "ok":
                answering.add(each.peer)
        looks |= self._party.join([node for node in others if node.index in answering], Look())
        for look in looks.values():
            self._tell_all((*map(decode, look.measured), look.choice))
        self._open({node: look.choice.address for node, look in looks.items()})
        for found in self._party.ask({master.index: LookAtPorts()}).values():
            self._tell_all((*found.held, found.ports))

    def _tell_all(self, measured: Iterable[Measured]) -> None:
        for each in measured:
            self._tell(each)

    def _open(self, addresses: Mapping[int, str]) -> None:
        request = OpenPorts(tuple(addresses.values()))
        opened = self._party.ask(dict.fromkeys(addresses, request))
        self._ends = {
            node: End(addresses[node], ports.tcp, ports.udp) for node, ports in opened.items()
        }

    def _through(self) -> set[tuple[int, int]]:
        """Routes, connections and packet sizes of all pairs; those that get through."""
        to_tcp = self._targets(lambda end: end.tcp)
        routes = {
            node: FindRoutes(tuple((peer, address) for peer, address, _ in targets))
            for node, targets in to_tcp.items()
        }
        for found in self._party.ask(routes).values():
            self._tell_all(found)
        connects = {node: Connect(targets, chosen=True) for node, targets in to_tcp.items()}
        through = set()
        for reached in self._party.ask(connects).values():
            self._tell_all(reached)
            through |= {(each.node, each.peer) for each in reached if each.outcome == "ok"}
        to_udp = self._targets(lambda end: end.udp, through)
        sizes = {node: TryPackets(targets) for node, targets in to_udp.items() if targets}
        for passed in self._party.ask(sizes).values():
            self._tell_all(passed)
        return through

    def _targets(
        self, port: Callable[[End], int], among: Container[tuple[int, int]] | None = None
    ) -> dict[int, tuple[Target, ...]]:
        """(peer, address, port) for every node, all peers or those `among` these pairs. Each begins
        with the next one, so that no one is everybody's first."""
        present = [node for node in self._party.present if node in self._ends]
        found = {}
        for place, node in enumerate(present):
            found[node] = tuple(
                (peer, self._ends[peer].address, port(self._ends[peer]))
                for peer in present[place + 1 :] + present[:place]
                if among is None or (node, peer) in among
            )
        return found

    def _speeds(self, through: set[tuple[int, int]]) -> int:
        """Data over pairs that get through both ways, in rounds; how many there were."""
        plan = rounds([node for node in self._party.present if node in self._ends])
        for pairs in plan:
            targets: dict[int, int] = {}
            for a, b in pairs:
                if {(a, b), (b, a)} <= through:
                    targets |= {a: b, b: a}
            asked = {
                node: SendData((peer, self._ends[peer].address, self._ends[peer].tcp))
                for node, peer in targets.items()
            }
            self._tell_all(self._party.ask(asked).values())
        return len(plan)

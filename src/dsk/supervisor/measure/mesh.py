"""Every node against every other one: what gets through, then how much."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Any

from dsk.supervisor.measure.party import Party
from dsk.supervisor.measure.rounds import rounds
from dsk.wire.jobspec import JobNode
from dsk.wire.measure import (
    Choice,
    Complete,
    Knock,
    Measured,
    Order,
    Packet,
    Port,
    Ports,
    Reach,
    Route,
    Speed,
    of_node,
)

DROP_LIMIT_S = 5.0
"""A packet that is dropped is sent again after 1 and 3 s: two may be lost by chance."""
ASK_LIMIT_S = 10.0
REACH_LIMIT_S = DROP_LIMIT_S + ASK_LIMIT_S


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
        looks = self._party.join([master], "look")
        if not looks:
            return
        # The TCP ports first: one that drops packets would hold a login for longer.
        targets = [(node.index, node.host, self._order.worker_port) for node in others]
        knocks = self._party.ask(
            {master.index: {"targets": targets, "limit_s": DROP_LIMIT_S}}, "knock", REACH_LIMIT_S
        )
        answering = set()
        for raw in knocks.get(master.index, []):
            self._tell(Knock(raw["peer"], raw["outcome"], raw.get("problem", "")))
            if raw["outcome"] == "ok":
                answering.add(raw["peer"])
        looks |= self._party.join([node for node in others if node.index in answering], "look")
        for node, look in looks.items():
            self._tell_look(node, look)
        self._open({node: look["address"] for node, look in looks.items()})
        self._ports(master)

    def _tell_look(self, node: int, look: Mapping[str, Any]) -> None:
        for each in of_node(node, look):
            self._tell(each)
        self._tell(Choice(node, look["interface"], look["address"], look["infiniband_off"]))

    def _open(self, addresses: Mapping[int, str]) -> None:
        everyone = list(addresses.values())
        opened = self._party.ask(
            {node: {"peers": everyone} for node in addresses}, "open", ASK_LIMIT_S
        )
        self._ends = {node: End(addresses[node], **ports) for node, ports in opened.items()}

    def _ports(self, master: JobNode) -> None:
        for node, found in self._party.ask({master.index: {}}, "ports", ASK_LIMIT_S).items():
            for each in found.pop("held"):
                self._tell(Port(node, **each))
            self._tell(Ports(node, **found))

    def _through(self) -> set[tuple[int, int]]:
        """Routes, connections and packet sizes of all pairs; those that get through."""
        to_tcp = self._targets(lambda end: end.tcp)
        routes = {
            node: {"targets": [(peer, address) for peer, address, _ in targets]}
            for node, targets in to_tcp.items()
        }
        for node, found in self._party.ask(routes, "routes", ASK_LIMIT_S).items():
            for each in found:
                self._tell(Route(node, **each))
        asked = {
            node: {"targets": targets, "limit_s": DROP_LIMIT_S} for node, targets in to_tcp.items()
        }
        through = set()
        for node, found in self._party.ask(asked, "reach", REACH_LIMIT_S).items():
            for each in found:
                self._tell(Reach(node, **each))
                if each["outcome"] == "ok":
                    through.add((node, each["peer"]))
        to_udp = self._targets(lambda end: end.udp, through)
        sizes = {node: {"targets": targets} for node, targets in to_udp.items() if targets}
        for node, found in self._party.ask(sizes, "packets", ASK_LIMIT_S).items():
            for each in found:
                self._tell(Packet(node, **each))
        return through

    def _targets(
        self, port: Callable[[End], int], among: Container[tuple[int, int]] | None = None
    ) -> dict[int, list[tuple[int, str, int]]]:
        """(peer, address, port) for every node, all peers or those `among` these pairs. Each begins
        with the next one, so that no one is everybody's first."""
        present = [node for node in self._party.present if node in self._ends]
        found = {}
        for place, node in enumerate(present):
            found[node] = [
                (peer, self._ends[peer].address, port(self._ends[peer]))
                for peer in present[place + 1 :] + present[:place]
                if among is None or (node, peer) in among
            ]
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
                node: {"address": self._ends[peer].address, "port": self._ends[peer].tcp}
                for node, peer in targets.items()
            }
            for node, found in self._party.ask(asked, "speed", 2 * ASK_LIMIT_S).items():
                self._tell(Speed(node, targets[node], **found))
        return len(plan)

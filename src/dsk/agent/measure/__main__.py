"""`python -m dsk.agent.measure HOST NODE` in a worker: answers the requests of wire.measuring.

HOST is the node's address in dsk.yaml, NODE its index. Ends with its input.
"""

from __future__ import annotations

import os
import sys

from dsk.agent.measure import infiniband, interfaces, packets, reach, transfer
from dsk.agent.measure.listener import Listener
from dsk.agent.session import Session
from dsk.wire.measure import Choice, Packet, Reach, Route, Speed, encode
from dsk.wire.measuring import (
    DROP_LIMIT_S,
    Connect,
    FindRoutes,
    Look,
    LookAtPorts,
    Looked,
    Opened,
    OpenPorts,
    Rendezvous,
    SendData,
    TryPackets,
)
from dsk.wire.request import Handlers


class Measure:
    def __init__(self, host: str, node: int) -> None:
        self._host = host
        self._node = node
        self._interface = os.environ.get("GLOO_SOCKET_IFNAME", "")
        self._address = host
        self._listener: Listener | None = None
        self.handlers: Handlers = {
            Look: self.look,
            OpenPorts: self.open_ports,
            FindRoutes: self.find_routes,
            Connect: self.connect,
            TryPackets: self.try_packets,
            SendData: self.send_data,
            LookAtPorts: self.look_at_ports,
        }

    def look(self, _: Look) -> Looked:
        found = interfaces.interfaces(self._node)
        self._interface = self._interface or interfaces.owner(found, self._host)
        self._address = interfaces.address_on(found, self._interface, self._host)
        off = os.environ.get("NCCL_IB_DISABLE") == "1"
        choice = Choice(self._node, self._interface, self._address, infiniband_off=off)
        measured = (*found, *infiniband.ports(self._node))
        return Looked(tuple(map(encode, measured)), choice)

    def open_ports(self, asked: OpenPorts) -> Opened:
        self._listener = self._listener or Listener(self._address, asked.peers)
        return Opened(self._listener.tcp_port, self._listener.udp_port)

    def find_routes(self, asked: FindRoutes) -> tuple[Route, ...]:
        return tuple(interfaces.routes(self._node, asked.targets))

    def connect(self, asked: Connect) -> tuple[Reach, ...]:
        source = self._address if asked.chosen else self._host
        return tuple(reach.connect_all(self._node, asked.targets, source, DROP_LIMIT_S))

    def try_packets(self, asked: TryPackets) -> tuple[Packet, ...]:
        mtu = interfaces.mtu_of(self._interface, self._address)
        return tuple(packets.probe_all(self._node, asked.targets, self._address, mtu))

    def send_data(self, asked: SendData) -> Speed:
        return transfer.send(self._node, self._address, asked.target)

    def look_at_ports(self, _: LookAtPorts) -> Rendezvous:
        from dsk.agent.measure import ports

        return ports.rendezvous(self._node, self._host)


if __name__ == "__main__":
    measure = Measure(sys.argv[1], int(sys.argv[2]))
    Session(measure.handlers, sys.stdout.buffer).serve(sys.stdin.buffer)

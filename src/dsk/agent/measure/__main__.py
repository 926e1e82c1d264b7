"""`python -m dsk.agent.measure HOST` in a worker: answers on its output what is asked on its input.

JSON lines as in wire.session. HOST is the node's address in dsk.yaml. Ends with its input.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import IO, Any

from dsk.agent.measure import infiniband, interfaces, packets, reach, transfer
from dsk.agent.measure.listener import Listener
from dsk.wire import session


class Measure:
    def __init__(self, host: str) -> None:
        self._host = host
        self._interface = os.environ.get("GLOO_SOCKET_IFNAME", "")
        self._address = host
        self._listener: Listener | None = None
        self._ops: dict[str, Callable[..., Any]] = {
            "look": self._look,
            "open": self._open,
            "routes": interfaces.routes,
            "knock": lambda targets, limit_s: reach.connect_all(targets, host, limit_s),
            "reach": lambda targets, limit_s: reach.connect_all(targets, self._address, limit_s),
            "packets": lambda targets: packets.probe_all(
                targets, self._address, interfaces.mtu_of(self._interface, self._address)
            ),
            "speed": lambda address, port: transfer.send(self._address, address, port),
            "ports": self._ports,
        }

    def serve(self, requests: IO[bytes], answers: IO[bytes]) -> None:
        for line in requests:
            request = session.decode(line)
            number, op = request.pop("id"), request.pop("op")
            try:
                answer = {"id": number, "result": self._ops[op](**request)}
            except Exception as error:
                answer = {"id": number, "error": f"{type(error).__name__}: {error}"}
            answers.write(session.encode(answer))
            answers.flush()

    def _look(self) -> dict[str, Any]:
        found = interfaces.interfaces()
        self._interface = self._interface or interfaces.owner(found, self._host)
        self._address = interfaces.address_on(found, self._interface, self._host)
        return {
            "interfaces": found,
            "interface": self._interface,
            "address": self._address,
            "infiniband": infiniband.ports(),
            "infiniband_off": os.environ.get("NCCL_IB_DISABLE") == "1",
        }

    def _open(self, peers: list[str]) -> dict[str, int]:
        self._listener = self._listener or Listener(self._address, peers)
        return {"tcp": self._listener.tcp_port, "udp": self._listener.udp_port}

    def _ports(self) -> dict[str, Any]:
        from dsk.agent.measure import ports

        return ports.rendezvous(self._host)


if __name__ == "__main__":
    Measure(sys.argv[1]).serve(sys.stdin.buffer, sys.stdout.buffer)

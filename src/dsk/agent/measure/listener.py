"""The end that the other nodes' measurements meet on this one."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Sequence

from dsk.agent.measure import packets, transfer

BACKLOG = 4096
MOST_TRANSFERS = 4


class Listener:
    """A free TCP and a free UDP port of one address. Only `peers` are served, a few at a time."""

    def __init__(self, address: str, peers: Sequence[str]) -> None:
        self._peers = frozenset(peers)
        self._slots = threading.BoundedSemaphore(MOST_TRANSFERS)
        self._tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        # The kernel chooses the ports, as it does for NCCL: from ip_local_port_range.
        self._tcp.bind((address, 0))
        self._tcp.listen(BACKLOG)
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind((address, 0))
        self.tcp_port: int = self._tcp.getsockname()[1]
        self.udp_port: int = self._udp.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(self._tcp, selectors.EVENT_READ, self._accept)
            ready.register(self._udp, selectors.EVENT_READ, self._acknowledge)
            while True:
                for key, _ in ready.select():
                    with contextlib.suppress(OSError):
                        if key.fileobj in (self._tcp, self._udp):
                            key.data(ready)
                        else:
                            ready.unregister(key.fileobj)
                            self._begin(key.data)

    def _accept(self, ready: selectors.BaseSelector) -> None:
        connection, (address, _) = self._tcp.accept()
        if address in self._peers:
            ready.register(connection, selectors.EVENT_READ, connection)
        else:
            connection.close()

    def _begin(self, connection: socket.socket) -> None:
        """The other end has closed, as those do that only wanted to get through, or it sends."""
        if connection.recv(1, socket.MSG_PEEK) and self._slots.acquire(blocking=False):
            threading.Thread(target=self._receive, args=(connection,), daemon=True).start()
        else:
            connection.close()

    def _receive(self, connection: socket.socket) -> None:
        try:
            with connection, contextlib.suppress(OSError):
                transfer.receive(connection)
        finally:
            self._slots.release()

    def _acknowledge(self, _: selectors.BaseSelector) -> None:
        message, address = self._udp.recvfrom(packets.LARGEST)
        if address[0] in self._peers:
            self._udp.sendto(packets.acknowledgement(message), address)

"""TCP connections to many addresses at once."""

from __future__ import annotations

import errno
import selectors
import socket
import struct
import time
from collections.abc import Mapping, Sequence

from dsk.wire.measure import Outcome, Reach
from dsk.wire.measuring import Target

OUTCOMES: Mapping[int, Outcome] = {
    errno.ECONNREFUSED: "refused",
    errno.EHOSTUNREACH: "no route",
    errno.ENETUNREACH: "no route",
    errno.ETIMEDOUT: "timeout",
}
IP_BIND_ADDRESS_NO_PORT = 24
TCP_INFO_RTT = 68
"""Where struct tcp_info has tcpi_rtt, in microseconds (linux/tcp.h)."""


def connect_all(node: int, targets: Sequence[Target], source: str, limit_s: float) -> list[Reach]:
    """All are opened at once from the address `source`, and nothing is sent; whoever drops packets
    costs `limit_s` in all.
    """
    found: dict[int, Reach] = {}
    deadline = time.monotonic() + limit_s
    with selectors.DefaultSelector() as waiting:
        for peer, address, port in targets:
            attempt = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            attempt.setblocking(False)
            try:
                attempt.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
                attempt.bind((source, 0))
                code = attempt.connect_ex((address, port))
            except OSError as error:
                code = error.errno or errno.EINVAL
            if code in (0, errno.EINPROGRESS):
                waiting.register(attempt, selectors.EVENT_WRITE, peer)
            else:
                found[peer] = _ended(node, peer, attempt, code)
        while waiting.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _ in waiting.select(left):
                attempt = key.fileobj  # type: ignore[assignment]
                waiting.unregister(attempt)
                code = attempt.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                found[key.data] = _ended(node, key.data, attempt, code)
        for key in list(waiting.get_map().values()):
            attempt = key.fileobj  # type: ignore[assignment]
            found[key.data] = _ended(node, key.data, attempt, errno.ETIMEDOUT)
    return [found[peer] for peer, _, _ in targets]


def _ended(node: int, peer: int, attempt: socket.socket, code: int) -> Reach:
    with attempt:
        if code:
            outcome = OUTCOMES.get(code, "error")
            problem = errno.errorcode.get(code, str(code)) if outcome == "error" else ""
            return Reach(node, peer, outcome, problem=problem)
        return Reach(node, peer, "ok", rtt(attempt))


def rtt(connection: socket.socket) -> float:
    """Seconds, smoothed by the kernel (tcp_info)."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_RTT + 4)
    microseconds: int = struct.unpack_from("I", info, TCP_INFO_RTT)[0]
    return microseconds / 1e6

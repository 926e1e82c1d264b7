"""Bytes over TCP from one node to another: how many a second arrive."""

from __future__ import annotations

import select
import socket
import struct
import time

from dsk.agent.measure.reach import rtt
from dsk.wire.measure import Speed
from dsk.wire.measuring import Target

CHUNK = 1 << 20
LEAST_S, MOST_S = 0.4, 2.0
LEAST_BYTES = 4_000_000
"""A slow link is watched for longer, until so much has arrived."""
ROUND_TRIPS = 10
"""TCP's slow start is over after so many (10 segments, doubled each time)."""
GRACE_S = 3.0
_BEGIN = struct.Struct("!d")
"""Seconds for which the sender goes on at least."""
_END = struct.Struct("!d")
"""Bits per second, as they arrived."""
GO = b"g"


def send(node: int, source: str, target: Target) -> Speed:
    """To a TCP port of the target.

    The first half of the time is left out, for TCP begins slowly. Both ends stop when the time is
    over, however much is on its way: a slow link costs no more than a fast one.
    """
    peer, address, port = target
    try:
        with socket.create_connection((address, port), GRACE_S, (source, 0)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            seconds = min(LEAST_S + ROUND_TRIPS * rtt(connection), MOST_S)
            connection.sendall(_BEGIN.pack(seconds))
            if connection.recv(1) != GO:
                return Speed(node, peer, 0.0, "the other end closed the connection")
            return Speed(node, peer, _pump(connection, time.monotonic() + MOST_S + GRACE_S))
    except OSError as error:
        return Speed(node, peer, 0.0, str(error))


def _pump(connection: socket.socket, deadline: float) -> float:
    """Sends until the other end says what has arrived. Raises OSError where it never does."""
    data = memoryview(bytes(CHUNK))
    connection.setblocking(False)
    answer = b""
    while (left := deadline - time.monotonic()) > 0:
        readable, writable, _ = select.select([connection], [connection], [], left)
        if readable:
            if not (more := connection.recv(_END.size - len(answer))):
                raise ConnectionError("the other end closed the connection")
            answer += more
            if len(answer) == _END.size:
                # What has not been sent yet is of no use to anybody.
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                rate: float = _END.unpack(answer)[0]
                return rate
        elif writable:
            connection.send(data)
    raise TimeoutError("no answer: what was sent did not get through")


def receive(connection: socket.socket) -> None:
    """The other end of `send`. Raises OSError where the connection ends."""
    connection.settimeout(GRACE_S)
    seconds = min(_BEGIN.unpack(_exactly(connection, _BEGIN.size))[0], MOST_S)
    connection.sendall(GO)
    buffer = bytearray(CHUNK)
    arrivals = _arrivals(connection, buffer, seconds)
    connection.sendall(_END.pack(rate(arrivals)))
    while connection.recv_into(buffer):  # or the sender's reset would overtake the answer
        pass


def _arrivals(
    connection: socket.socket, buffer: bytearray, seconds: float
) -> list[tuple[float, int]]:
    """What has arrived in all at which time since the beginning, in seconds and bytes; the last
    entry is the end."""
    begin = time.monotonic()
    found, total, now = [(0.0, 0)], 0, 0.0
    while now < (seconds if total >= LEAST_BYTES else MOST_S):
        if select.select([connection], [], [], MOST_S - now)[0]:
            count = connection.recv_into(buffer)
            if not count:
                break
            total += count
        now = time.monotonic() - begin
        found.append((now, total))
    return found


def rate(arrivals: list[tuple[float, int]]) -> float:
    """Bits per second over the second half of the time."""
    end, total = arrivals[-1]
    middle, before = next(each for each in reversed(arrivals) if each[0] <= end / 2)
    return (total - before) * 8 / (end - middle) if end > middle else 0.0


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        if not (more := connection.recv(count - len(data))):
            raise ConnectionError("the other end closed the connection")
        data += more
    return data

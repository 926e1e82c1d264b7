"""How large a packet gets through to each of many addresses without being fragmented."""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import struct
import time
from collections.abc import Sequence

from dsk.wire.measure import Packet
from dsk.wire.measuring import Target

HEADERS = 28
"""Bytes of an IPv4 and a UDP header."""
LARGEST = 9000
SIZES = (9000, 8192, 4000, 1500, 1492, 1476, 1460, 1450, 1438, 1420, 1400, 1280, 576, 64)
"""IP packets: jumbo frames, Ethernet, PPPoE, GRE, Google's, VXLAN, IPsec, WireGuard, …"""
TRIES = 4
TRY_S = 0.3
IP_MTU_DISCOVER, IP_PMTUDISC_PROBE = 10, 3
"""ip(7): don't-fragment is set, and nothing but the device's MTU is respected."""
_PROBE = struct.Struct("!HHI")
"""The peer asked for, the packet's size, and a mark of our own."""
MARK = 0x64736B31


def acknowledgement(probe: bytes) -> bytes:
    """What is sent back: never more than came. Raises OSError for what is no probe."""
    if len(probe) < _PROBE.size or _PROBE.unpack_from(probe)[2] != MARK:
        raise OSError(errno.EBADMSG, "not a probe")
    return probe[: _PROBE.size]


def probe_all(node: int, targets: Sequence[Target], source: str, mtu: int) -> list[Packet]:
    """For each (peer, address, UDP port).

    Where the largest packets pass it takes one round trip, else TRIES of them and of smaller ones.
    """
    top = min(mtu, LARGEST)
    passed = {peer: 0 for peer, _, _ in targets}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((source, 0))
        sender.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
        for sizes in ((top,), tuple(size for size in SIZES if size < top)):
            for _ in range(TRIES):
                open_ = [target for target in targets if passed[target[0]] < max(sizes)]
                if not open_:
                    break
                for target in open_:
                    _send(sender, target, [size for size in sizes if size > passed[target[0]]])
                    _gather(sender, passed, until=time.monotonic())
                _gather(sender, passed, until=time.monotonic() + TRY_S, enough=top)
            if all(size >= top for size in passed.values()):
                break
    return [Packet(node, peer, top, size) for peer, size in passed.items()]


def _send(sender: socket.socket, target: Target, sizes: list[int]) -> None:
    peer, address, port = target
    for size in sizes:
        # EMSGSIZE: the device itself takes no such packet. Others: as if it were lost.
        with contextlib.suppress(OSError):
            message = _PROBE.pack(peer, size, MARK).ljust(size - HEADERS, b"\0")
            sender.sendto(message, (address, port))


def _gather(
    sender: socket.socket, passed: dict[int, int], *, until: float, enough: int = 0
) -> None:
    """Reads acknowledgements until then, or until all have passed `enough`."""
    while True:
        left = max(until - time.monotonic(), 0)
        if not select.select([sender], [], [], left)[0]:
            return
        with contextlib.suppress(OSError):
            peer, size, mark = _PROBE.unpack_from(sender.recv(_PROBE.size))
            if mark == MARK and peer in passed:
                passed[peer] = max(passed[peer], size)
        if enough and all(size >= enough for size in passed.values()):
            return

"""A port for torch.distributed's rendezvous on this node."""

from __future__ import annotations

import socket

from dsk.agent.refused import Refused
from dsk.text import Text

FIRST, LAST = 29500, 29599
"""torch.distributed's own default and what follows: below Linux's ephemeral ports (32768-60999),
so that no outgoing connection takes it between this look and the rank's bind."""
NONE = Text("ports {first} to {last} are all in use").filled(first=FIRST, last=LAST)

_reserved: list[socket.socket] = []


def free_port(host: str) -> int:
    """The first port of the range that nothing on this node listens on. Raises Refused if none."""
    for port in range(FIRST, LAST + 1):
        if _is_free(port, host):
            return port
    raise Refused(NONE)


def _is_free(port: int, host: str) -> bool:
    # Rank 0 binds to all addresses, so one that is taken on any of them is no use.
    for address in ("0.0.0.0", host):  # noqa: S104 - bound for an instant, nothing listens
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
                probe.listen(1)
            except OSError:
                return False
    return True


def reserve_port(host: str) -> int:
    """A port as of `free_port` that no other job on this node gets while this process lives, or
    until it reserves another one, for the next attempt.

    Rank 0 binds it many seconds later: until then, a job of another cluster on the same server
    would find it free too. Raises Refused if there is none.
    """
    for port in range(FIRST, LAST + 1):
        mark = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Abstract (unix(7)): of the network namespace, as the ports are, and gone with it.
            mark.bind(f"\0dsk-rendezvous-{port}")
        except OSError:
            mark.close()
            continue
        if _is_free(port, host):
            _reserved.append(mark)
            for earlier in _reserved[:-1]:
                earlier.close()
                _reserved.remove(earlier)
            return port
        mark.close()
    raise Refused(NONE)

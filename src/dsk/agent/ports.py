"""A port for torch.distributed's rendezvous on this node."""

from __future__ import annotations

import socket

FIRST, LAST = 29500, 29599
"""torch.distributed's own default and what follows: below Linux's ephemeral ports (32768-60999),
so that no outgoing connection takes it between this look and the rank's bind."""


def free_port(host: str) -> int:
    """The first port of the range that nothing on this node listens on. Raises OSError if none."""
    for port in range(FIRST, LAST + 1):
        # Rank 0 binds to all addresses, so one that is taken on any of them is no use.
        for address in ("0.0.0.0", host):  # noqa: S104 - bound for an instant, nothing listens
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((address, port))
                    probe.listen(1)
                except OSError:
                    break
        else:
            return port
    raise OSError(f"ports {FIRST} to {LAST} are all in use")

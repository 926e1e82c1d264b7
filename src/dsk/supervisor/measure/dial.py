"""ssh's ProxyCommand for measuring: hands ssh a connection to HOST PORT with small segments.

Where large packets vanish between two nodes, a plain login hangs in its key exchange, and what is
to be found could not be asked for. ssh gets the socket itself (ProxyUseFdpass, ssh_config(5));
this program ends at once. It is started by its file name and `python -I -S`, which is quicker.
"""

from __future__ import annotations

import socket
import sys

SEGMENT = 536
"""Bytes: what every IPv4 path carries (RFC 1122, 4.2.2.6)."""
LIMIT_S = 10.0


def main() -> None:
    with socket.socket() as connection, socket.socket(fileno=sys.stdout.fileno()) as ssh:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
        connection.settimeout(LIMIT_S)
        connection.connect((sys.argv[1], int(sys.argv[2])))
        connection.setblocking(True)
        socket.send_fds(ssh, [b"\0"], [connection.fileno()])
        ssh.detach()


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"connect to {sys.argv[1]} port {sys.argv[2]}: {error.strerror or error}")

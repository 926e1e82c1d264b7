"""One way in for every kind of server."""

from __future__ import annotations

from pathlib import Path

from dsk.cluster.model import Local, SshTarget
from dsk.connect.local import LocalServer
from dsk.connect.server import THIS_MACHINE, Server
from dsk.connect.ssh import CONNECT_S, SshServer


def open_server(
    target: Local | SshTarget,
    known_hosts: Path,
    *,
    where: str | None = None,
    connect_s: int = CONNECT_S,
) -> Server:
    """Connects to a server; close it, or use it in a `with`.

    `known_hosts` is asked first, the user's own file after it. `where` names the server in errors.
    `connect_s` is how long a server may take to accept the connection.
    Raises Unreachable, as UnknownHostKey on a first contact.
    """
    if isinstance(target, Local):
        return LocalServer(where or THIS_MACHINE)
    return SshServer(target, known_hosts, where or str(target), connect_s=connect_s)

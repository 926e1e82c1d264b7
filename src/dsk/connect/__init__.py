"""How dsk reaches a server: this machine itself, or another one over OpenSSH; and its engine.

Nothing else on the operator's side starts a process or opens a socket.
"""

from dsk.connect.open import open_server
from dsk.connect.outcome import Outcome, side_by_side
from dsk.connect.server import THIS_MACHINE, Completed, Server
from dsk.connect.ssh import CONNECT_S
from dsk.connect.ssherrors import UnknownHostKey

__all__ = [
    "CONNECT_S",
    "THIS_MACHINE",
    "Completed",
    "Outcome",
    "Server",
    "UnknownHostKey",
    "open_server",
    "side_by_side",
]

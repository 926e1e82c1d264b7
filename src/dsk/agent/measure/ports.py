"""Who listens on the ports from which a job takes one for its rendezvous."""

from __future__ import annotations

import contextlib
from pathlib import Path

from dsk.agent.ports import FIRST, LAST, free_port
from dsk.wire.measure import Port, Ports
from dsk.wire.measuring import Rendezvous

PROC = Path("/proc")
LISTEN = "0A"
"""TCP_LISTEN in /proc/net/tcp (proc(5))."""


def rendezvous(node: int, host: str) -> Rendezvous:
    listening = {
        port: inode
        for table in (PROC / "net/tcp", PROC / "net/tcp6")
        if table.exists()  # not where IPv6 is turned off
        for port, inode in listeners(table.read_text())
        if FIRST <= port <= LAST
    }
    holders = _holders(set(listening.values()))
    held = tuple(
        Port(node, port, *holders.get(inode, ())) for port, inode in sorted(listening.items())
    )
    try:
        free = free_port(host)
    except OSError:
        free = None
    return Rendezvous(Ports(node, FIRST, LAST, free), held)


def listeners(table: str) -> list[tuple[int, str]]:
    """Port and inode of every listening socket in the text of /proc/net/tcp or tcp6."""
    rows = (line.split() for line in table.splitlines()[1:])
    return [(int(row[1].rpartition(":")[2], 16), row[9]) for row in rows if row[3] == LISTEN]


def _holders(inodes: set[str]) -> dict[str, tuple[str, int, str]]:
    """Program, process id and job by inode, of the processes of this worker: no others can be seen
    from inside."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[str, tuple[str, int, str]] = {}
    for process in PROC.glob("[0-9]*") if wanted else ():
        # A process, or one of its files, may be gone again: that holds no port then.
        with contextlib.suppress(OSError):
            for file in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if inode := wanted.get(str(file.readlink())):
                        found[inode] = _named(process)
    return found


def _named(process: Path) -> tuple[str, int, str]:
    program = (process / "comm").read_text().strip()
    job = ""
    for pair in (process / "environ").read_bytes().split(b"\0"):
        if pair.startswith(b"DSK_JOB="):
            job = pair[8:].decode(errors="replace")
    return program, int(process.name), job

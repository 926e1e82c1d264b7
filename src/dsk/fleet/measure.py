"""The workers measure their network: led by a program in the master's worker, told here."""

from __future__ import annotations

from collections.abc import Callable

from dsk.bundle.compose import project
from dsk.cluster.model import Cluster
from dsk.connect import Server, processes
from dsk.errors import DskError, Unreachable
from dsk.wire import paths
from dsk.wire.jobspec import JobNode
from dsk.wire.measure import Complete, Measured, Order, decode

PROGRAM = (str(paths.PYTHON), "-I", "-m", "dsk.supervisor.measure")
SSH_FAILED = 255


def run(
    server: Server, cluster: Cluster, tell: Callable[[Measured], None], *, speed: bool = True
) -> None:
    """Tells every measurement as it comes. `server` is the master's, its worker must run.

    Without `speed` no data is sent: a second or two instead of several. Raises Unreachable where
    the connection is lost, DskError where the program ends early; on Ctrl-C it ends with this.
    """
    master = cluster.master
    nodes = tuple(JobNode(node.index, node.host, (), node.slots) for node in cluster.nodes)
    argv = ["docker", "exec", "--interactive", project(cluster, master), *PROGRAM]
    process = server.popen(argv, stdin=processes.PIPE)
    assert process.stdin and process.stdout and process.stderr  # noqa: S101 - pipes
    complete = False
    try:
        process.stdin.write(Order(nodes, cluster.worker_port, speed).to_json().encode() + b"\n")
        process.stdin.flush()
        for line in process.stdout:
            measured = decode(line.decode(errors="replace"))
            complete = complete or isinstance(measured, Complete)
            tell(measured)
        if not complete:
            raise _ended(process.stderr.read(), process.wait(), str(master))
    except BrokenPipeError:
        raise _ended(process.stderr.read(), process.wait(), str(master)) from None
    finally:
        processes.end(process)


def _ended(stderr: bytes, code: int, where: str) -> DskError:
    said = stderr.decode(errors="replace").strip().splitlines()[-1:] or [f"exit code {code}"]
    if code == SSH_FAILED:
        return Unreachable(f"the connection was lost: {said[0]}", where=where)
    return DskError(
        f"the network could not be measured: {said[0]}",
        where=where,
        fix="was the worker made by another version of dsk? run: dsk up",
    )

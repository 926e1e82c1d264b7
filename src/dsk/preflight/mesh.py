"""What the workers measure among themselves (wire.measure), started in the master's worker."""

from __future__ import annotations

from collections.abc import Sequence

from dsk.cluster.model import Cluster, Node
from dsk.connect import Server, processes
from dsk.errors import DskError
from dsk.fleet.execute import in_worker
from dsk.servers import in_place
from dsk.text import Text, verbatim
from dsk.wire import paths
from dsk.wire.jobspec import JobNode
from dsk.wire.measure import Complete, Measured, Order, decode
from dsk.wire.remedies import OTHER_VERSION

PROGRAM = [str(paths.PYTHON), "-I", "-m", "dsk.supervisor.measure"]


def measure(
    server: Server, cluster: Cluster, nodes: Sequence[Node], *, speed: bool
) -> tuple[Measured, ...]:
    """`server` is the master's, `nodes` begin with the master. Raises DskError."""
    with in_place.client_config(cluster, nodes) as config:
        argv = in_worker(cluster, cluster.master, [*PROGRAM, *config], "--interactive")
        return _measure(server, cluster, nodes, argv, speed=speed)


def _measure(
    server: Server, cluster: Cluster, nodes: Sequence[Node], argv: list[str], *, speed: bool
) -> tuple[Measured, ...]:
    taking_part = tuple(JobNode(node.index, node.host, (), node.slots) for node in nodes)
    order = Order(taking_part, cluster.worker_port, speed)
    process = server.popen(argv, stdin=processes.PIPE)
    assert process.stdin and process.stdout and process.stderr  # noqa: S101 - pipes
    found: list[Measured] = []
    try:
        process.stdin.write(order.to_json().encode() + b"\n")
        process.stdin.flush()
        for line in process.stdout:
            found.append(decode(line.decode(errors="replace")))
            if isinstance(found[-1], Complete):
                break
        else:
            raise _ended(process.stderr.read(), server.where, cluster)
    except (BrokenPipeError, ValueError):
        # After a line that means nothing it may still run, and keep its errors open.
        process.terminate()
        raise _ended(process.stderr.read(), server.where, cluster) from None
    finally:
        processes.end(process)
    return tuple(found)


def _ended(stderr: bytes, where: str | Text, cluster: Cluster) -> DskError:
    said = stderr.decode(errors="replace").strip().splitlines()[-1:]
    return DskError(
        verbatim(said[0]) if said else Text("it ended early"),
        where=where,
        fix=OTHER_VERSION.of(in_place=cluster.in_place),
    )

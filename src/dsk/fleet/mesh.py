"""What the workers measure among themselves (wire.measure), started in the master's worker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from dsk.cluster.model import Cluster, Node
from dsk.connect import Server, processes
from dsk.errors import DskError
from dsk.files import write_atomic
from dsk.fleet.execute import in_worker
from dsk.wire import paths
from dsk.wire.jobspec import JobNode
from dsk.wire.measure import Complete, Measured, Order, decode
from dsk.wire.sshconfig import ssh_config

PROGRAM = [str(paths.PYTHON), "-I", "-m", "dsk.supervisor.measure"]


def measure(
    server: Server, cluster: Cluster, nodes: Sequence[Node], *, speed: bool
) -> tuple[Measured, ...]:
    """`server` is the master's, `nodes` begin with the master. Raises DskError."""
    if not cluster.in_place:
        argv = in_worker(cluster, cluster.master, PROGRAM, "--interactive")
        return _measure(server, cluster, nodes, argv, speed=speed)
    with TemporaryDirectory() as folder:
        config = _ssh_config(cluster, Path(folder))
        return _measure(server, cluster, nodes, [*PROGRAM, str(config)], speed=speed)


def _ssh_config(cluster: Cluster, folder: Path) -> Path:
    """What a bundle brings to the master's worker: here the user's own ~/.ssh is not for us."""
    key, known_hosts = paths.SSH_MATERIAL
    try:
        write_atomic(folder / key, cluster.key.read_bytes(), 0o600)
        write_atomic(folder / known_hosts, (cluster.state_dir / known_hosts).read_bytes(), 0o600)
    except FileNotFoundError as error:
        raise DskError(f"{error.filename} is missing", fix="dsk keys") from None
    text = ssh_config(str(folder), cluster.worker_port)
    write_atomic(folder / "config", text.encode(), 0o600)
    return folder / "config"


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
            raise _ended(process.stderr.read(), server.where)
    except (BrokenPipeError, ValueError):
        raise _ended(process.stderr.read(), server.where) from None
    finally:
        processes.end(process)
    return tuple(found)


def _ended(stderr: bytes, where: str) -> DskError:
    said = stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it ended early"]
    return DskError(
        f"the network was not measured: {said[0]}",
        where=where,
        fix="was the worker made by another version of dsk? run: dsk up",
    )

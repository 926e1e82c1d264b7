"""`dsk push` and `dsk pull`: files between the master's workspace and the other nodes'.

The work is done by a program in the master's worker, which has the cluster's key and is on the LAN;
from here it is started, listened to, and ended. Where the servers are containers, here is there.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import Literal

from dsk.cluster.model import Cluster, Node
from dsk.connect import open_server, processes
from dsk.errors import DskError, JobFailed, Unreachable, UserError
from dsk.fleet.execute import check_worker, in_worker
from dsk.servers import in_place
from dsk.text import Text, verbatim
from dsk.wire import paths
from dsk.wire.jobspec import JobNode
from dsk.wire.remedies import OTHER_VERSION
from dsk.wire.transfer import GO, Asked, Event, Failed, Order, decode

PROGRAM = [str(paths.PYTHON), "-I", "-m", "dsk.supervisor.transfer"]
OWN = ".dsk"
SSH_FAILED = 255


def order(
    cluster: Cluster,
    kind: Literal["push", "pull"],
    path: str,
    others: Sequence[Node],
    *,
    delete: bool = False,
    prefer_master: bool = False,
) -> Order:
    """Raises UserError for a path that cannot be meant, or where there is no other node. Pure."""
    relative = relative_path(cluster.workspace, path)
    chosen = list(dict.fromkeys(node for node in others if node != cluster.master))
    if not chosen:
        raise UserError(
            Text("there is no node but the master"),
            fix=Text("name other nodes, or add some to dsk.yaml"),
        )
    if delete and relative == ".":
        raise UserError(
            Text("--delete for the complete workspace would delete every other node's own outputs"),
            fix=Text("name a folder in it"),
        )
    nodes = tuple(
        JobNode(node.index, node.host, (), node.slots) for node in (cluster.master, *chosen)
    )
    return Order(kind, str(cluster.workspace), relative, nodes, delete, prefer_master)


def relative_path(workspace: PurePosixPath, path: str) -> str:
    """`path`, absolute or relative to the workspace, as a clean path relative to it. Pure."""
    if not path:
        raise UserError(Text("the path is empty"), fix=Text(". is the complete workspace"))
    full = posixpath.normpath(posixpath.join(str(workspace), path))
    relative = posixpath.relpath(full, str(workspace))
    if relative == ".." or relative.startswith("../"):
        raise UserError(
            Text("{path} is not in the workspace {workspace}").filled(
                path=path, workspace=workspace
            ),
            fix=Text("write a path under it, or one relative to it: {basename}").filled(
                basename=posixpath.basename(full)
            ),
        )
    if relative == OWN or relative.startswith(f"{OWN}/"):
        raise UserError(
            Text("{own} in the workspace belongs to each node").filled(own=OWN),
            fix=Text("for logs: dsk logs JOB"),
        )
    return relative


def run(
    cluster: Cluster,
    wanted: Order,
    tell: Callable[[Event], None],
    agreed: Callable[[], bool],
) -> list[DskError]:
    """Carries it out and tells every event; the errors, the nodes' among them.

    `agreed` is asked once before anything is deleted. Raises Unreachable where the master cannot
    be reached, DskError where its worker does not run. Ctrl-C ends the transfer on all nodes; what
    has arrived stays for the next time.
    """
    master = cluster.master
    errors: list[DskError] = []
    known_hosts = cluster.state_dir / "known_hosts"
    if cluster.in_place:
        in_place.check_here(cluster)
    nodes = [cluster.nodes[node.index] for node in wanted.nodes]
    with (
        in_place.client_config(cluster, nodes) as config,
        open_server(master.server, known_hosts, where=str(master)) as server,
    ):
        check_worker(server, cluster, master)
        argv = in_worker(cluster, master, [*PROGRAM, *config], "--interactive")
        process = server.popen(argv, stdin=processes.PIPE)
        assert process.stdin and process.stdout and process.stderr  # noqa: S101 - pipes
        try:
            process.stdin.write(wanted.to_json().encode() + b"\n")
            process.stdin.flush()
            for line in process.stdout:
                event = decode(line.decode(errors="replace"))
                tell(event)
                if isinstance(event, Failed):
                    errors.append(_error(cluster, event))
                elif isinstance(event, Asked):
                    if not agreed():
                        return [UserError(Text("not confirmed: nothing was copied or deleted"))]
                    process.stdin.write(f"{GO}\n".encode())
                    process.stdin.flush()
            code = process.wait()
            if code and not errors:
                errors.append(_tell_ended(cluster, process.stderr.read(), code, tell))
        except BrokenPipeError:
            errors.append(_tell_ended(cluster, process.stderr.read(), process.wait(), tell))
        finally:
            processes.end(process)
    return errors


def _error(cluster: Cluster, event: Failed) -> DskError:
    kinds = {kind.exit_code: kind for kind in (UserError, Unreachable, JobFailed)}
    where = None if event.node is None else str(cluster.nodes[event.node])
    return kinds.get(event.code, DskError)(event.message, where=where, fix=event.fix)


def _tell_ended(
    cluster: Cluster, stderr: bytes, code: int, tell: Callable[[Event], None]
) -> DskError:
    error = _ended(cluster, stderr, code)
    tell(Failed(error.told, error.exit_code, cluster.master.index, error.remedy))
    return error


def _ended(cluster: Cluster, stderr: bytes, code: int) -> DskError:
    where = str(cluster.master)
    lines = stderr.decode(errors="replace").strip().splitlines()
    said = verbatim(lines[-1]) if lines else Text("exit code {code}").filled(code=code)
    if code == SSH_FAILED:
        return Unreachable(Text("the connection was lost: {said}").filled(said=said), where=where)
    return DskError(
        Text("the transfer ended early: {said}").filled(said=said),
        where=where,
        fix=OTHER_VERSION.of(in_place=cluster.in_place),
    )

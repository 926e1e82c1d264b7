"""`dsk exec`: a command in the workers."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

from dsk.bundle.compose import project
from dsk.cluster.model import Cluster, Node
from dsk.connect import Server, open_server, processes
from dsk.errors import DskError
from dsk.servers import in_place
from dsk.servers.contact import open_fleet
from dsk.survey.engine import engine_error
from dsk.text import Text

LIMIT_S = 30.0


def on_one(cluster: Cluster, node: Node, command: Sequence[str], *, tty: bool) -> int:
    """Runs `command` with this process's own input and output; returns its exit code.

    Raises DskError where the node or its worker is not there.
    """
    known_hosts = cluster.state_dir / "known_hosts"
    _check_keys(cluster, [node])
    with open_server(node.server, known_hosts, where=str(node)) as server:
        check_worker(server, cluster, node)
        label = _label()
        argv = _argv(cluster, node, label, ["--interactive", *(["--tty"] if tty else [])], command)
        process = server.popen(argv, stdin=None, stdout=None, stderr=None, tty=tty)
        try:
            return process.wait()
        except KeyboardInterrupt:
            _end(server, cluster, node, label)
            raise
        finally:
            processes.end(process)


def on_all(
    cluster: Cluster,
    nodes: Sequence[Node],
    command: Sequence[str],
    show: Callable[[Node, str], None],
) -> tuple[dict[int, int], list[DskError]]:
    """Runs `command` on all nodes side by side without input, and shows its lines as they come.

    Returns the exit codes by node index, and the errors of the nodes where it did not run.
    """
    _check_keys(cluster, nodes)
    label = _label()

    def run(node: Node, server: Server) -> int:
        check_worker(server, cluster, node)
        process = server.popen(_argv(cluster, node, label, [], command), stderr=processes.STDOUT)
        assert process.stdout  # noqa: S101 - popen's default
        try:
            for line in process.stdout:
                show(node, line.decode(errors="replace").rstrip("\r\n"))
            return process.wait()
        finally:
            processes.end(process)

    try:
        with open_fleet(cluster, nodes) as fleet:
            return fleet.each(run), fleet.errors
    except KeyboardInterrupt:
        # Ctrl-C has ended the connections as well.
        with open_fleet(cluster, nodes) as fleet:
            fleet.each(lambda node, server: _end(server, cluster, node, label))
        raise


def in_worker(cluster: Cluster, node: Node, command: Sequence[str], *options: str) -> list[str]:
    """`command` as the node's server has to be asked for it; `options` are `docker exec`'s. Where
    the server is itself the worker's container, the command alone."""
    if cluster.in_place:
        return list(command)
    return ["docker", "exec", *options, project(cluster, node), *command]


def _label() -> str:
    return f"exec-{secrets.token_hex(4)}"


def _argv(
    cluster: Cluster, node: Node, label: str, options: Sequence[str], command: Sequence[str]
) -> list[str]:
    # The label is what the agent finds the command by: `docker exec` and sshd leave it running when
    # they are themselves ended.
    variable = f"DSK_JOB={label}"
    if cluster.in_place:
        return ["env", variable, *command]
    return in_worker(cluster, node, command, "--env", variable, *options)


def _check_keys(cluster: Cluster, nodes: Sequence[Node]) -> None:
    if cluster.in_place:
        in_place.check_keys(cluster, [node.host for node in nodes])


def check_worker(server: Server, cluster: Cluster, node: Node) -> None:
    """Raises DskError where the node's worker does not run. Where there is no engine, `server` is
    a login to it."""
    if cluster.in_place:
        return
    argv = ["docker", "container", "ls", "--quiet", "--filter", f"name=^{project(cluster, node)}$"]
    done = server.run(argv, timeout=LIMIT_S)
    if done.returncode:
        raise engine_error(done.error, str(node))
    if not done.text:
        raise DskError(Text("the worker is not running"), where=str(node), fix=Text("dsk up"))


def _end(server: Server, cluster: Cluster, node: Node, label: str) -> None:
    server.run(in_worker(cluster, node, ["dsk-agent", "end", label]), timeout=LIMIT_S)

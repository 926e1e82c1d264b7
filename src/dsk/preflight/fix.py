"""`dsk check --fix`: what can be fixed without losing anything, and only that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dsk.checks.facts import Facts
from dsk.checks.worker import stale
from dsk.cluster.model import Cluster, Node
from dsk.connect import Server
from dsk.errors import DskError
from dsk.preflight.worker import Inside
from dsk.servers import workspace
from dsk.servers.contact import open_fleet
from dsk.survey.values import RUNNING
from dsk.text import Text
from dsk.wire.remedies import UP

LIMIT_S = 60.0
MADE = Text("made the folder {folder}")
MADE_FOR = Text(
    "made the folder {folder}; its worker still has the old one until it is restarted: {up}"
)

CLOSE = r"""
cd "$HOME/.dsk/$1/$2" && find . -perm /077 ! -name compose.yaml -exec chmod go= {} +
"""


@dataclass(frozen=True)
class Fixed:
    """What was done on a node, or why it was not."""

    node: Node
    text: Text


def apply_fixes(cluster: Cluster, facts: Facts) -> tuple[Fixed, ...]:
    """Raises nothing for a node where something fails: that is said."""
    nodes = [node for node in cluster.nodes if node.index in facts.servers]
    with open_fleet(cluster, nodes) as fleet:
        done = fleet.each(lambda node, server: list(_fix(cluster, node, server, facts)))
        failed = [(node, fleet.error(node)) for node in nodes]
    said = [Fixed(cluster.nodes[index], text) for index, texts in done.items() for text in texts]
    said += [Fixed(node, _failed(error)) for node, error in failed if error]
    return tuple(said)


def _fix(cluster: Cluster, node: Node, server: Server, facts: Facts) -> Iterator[Text]:
    here = facts.servers[node.index]
    if here.open_files:
        _run(server, ["sh", "-c", CLOSE, "dsk", cluster.name, node.name])
        yield Text("made private: {files}").filled(files=", ".join(here.open_files))
    if not here.workspace:
        workspace.make(server, cluster, node)
        yield (MADE_FOR if here.worker.state == RUNNING else MADE).filled(
            folder=cluster.workspace_source(node), up=UP.of(in_place=cluster.in_place)
        )
    for container in stale(facts, node.index):
        _run(server, ["docker", "rm", "--force", "--volumes", container.name])
        yield Text("removed the container {name}").filled(name=container.name)
    if here.worker.state == RUNNING:
        yield from _fix_in_worker(cluster, node, server)


def _fix_in_worker(cluster: Cluster, node: Node, server: Server) -> Iterator[Text]:
    with Inside(server, cluster, node) as inside:
        if files := inside.ask("fix_modes"):
            yield Text("made private: {files}").filled(files=", ".join(files))
        if node == cluster.master and inside.ask("fix_known_hosts"):
            yield Text("took the workers' host keys from the bundle again")


def _run(server: Server, argv: list[str]) -> None:
    done = server.run(argv, timeout=LIMIT_S)
    if done.returncode:
        raise DskError(
            Text("`{argv}` failed: {error}").filled(argv=" ".join(argv[:3]), error=done.error),
            where=server.where,
        )


def _failed(error: DskError) -> Text:
    return Text("not fixed: {problem}").filled(problem=error.told)

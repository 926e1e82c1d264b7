"""Which of a cluster's nodes, and which of their slots, somebody names.

--node and --exclude of a job take DeepSpeed's own syntax: `host1@host2:0,2` names all slots of
host1 and two of host2 (parse_resource_filter in launcher/runner.py of DeepSpeed 0.19.8). A node is
named by its address, by `node1` or by `1`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dsk.cluster.model import Cluster, Node
from dsk.errors import UserError
from dsk.text import Text
from dsk.wire.jobspec import JobNode


def select(
    cluster: Cluster, include: str | None = None, exclude: str | None = None
) -> tuple[JobNode, ...]:
    """The nodes that take part, in the cluster's order. Raises UserError."""
    if include and exclude:
        raise UserError(
            Text("--node and --exclude cannot be used together"),
            fix=Text("name the nodes to use, or those to leave out"),
        )
    chosen = {node.index: tuple(range(node.slots)) for node in cluster.nodes}
    if include:
        named = _parse(cluster, "--node", include)
        chosen = {index: slots or chosen[index] for index, slots in named.items()}
    elif exclude:
        for index, slots in _parse(cluster, "--exclude", exclude).items():
            chosen[index] = tuple(s for s in chosen[index] if slots and s not in slots)
    nodes = tuple(
        JobNode(node.index, node.host, chosen[node.index], node.slots)
        for node in cluster.nodes
        if chosen.get(node.index)
    )
    if not nodes:
        raise UserError(Text("--exclude leaves no slot to train on"), where=f"--exclude {exclude}")
    return nodes


def find_node(cluster: Cluster, text: str) -> Node:
    """Return the node that `1`, `node1` or its address names. Raises UserError."""
    for node in cluster.nodes:
        if text in (str(node.index), node.name, node.host):
            return node
    raise _unknown(cluster, text, f"--node {text}")


def find_nodes(cluster: Cluster, texts: Sequence[str]) -> tuple[Node, ...]:
    """Return the nodes that `texts` name, each once and in the cluster's order; all nodes if there
    is no text. Raises UserError."""
    named = {find_node(cluster, text) for text in texts}
    return tuple(node for node in cluster.nodes if node in named or not texts)


def _unknown(cluster: Cluster, name: str, where: str) -> UserError:
    return UserError(
        Text("{name!r} is not a node of this cluster").filled(name=name),
        where=where,
        fix=Text("use one of {nodes}").filled(nodes=", ".join(map(str, cluster.nodes))),
    )


def _parse(cluster: Cluster, option: str, text: str) -> Mapping[int, tuple[int, ...]]:
    """Node index to the slots named; an empty tuple stands for all of the node's."""
    names = {
        name: node for node in cluster.nodes for name in (node.host, node.name, str(node.index))
    }
    found: dict[int, tuple[int, ...]] = {}
    for part in text.split("@"):
        name, colon, numbers = part.strip().partition(":")
        node = names.get(name)
        where = f"{option} {text}"
        if node is None:
            raise _unknown(cluster, name, where)
        if node.index in found:
            raise UserError(Text("{node} is named twice").filled(node=node), where=where)
        found[node.index] = _slots(node, numbers, where) if colon else ()
    return found


def _slots(node: Node, numbers: str, where: str) -> tuple[int, ...]:
    try:
        slots = tuple(sorted({int(number) for number in numbers.split(",")}))
    except ValueError:
        raise UserError(
            Text("{numbers!r} is not a list of slot numbers").filled(numbers=numbers),
            where=where,
            fix=Text("write {host}:0,1").filled(host=node.host),
        ) from None
    if slots[0] < 0 or slots[-1] >= node.slots:
        raise UserError(
            Text("{node} has slots 0 to {slots}, not {numbers}").filled(
                node=node, slots=node.slots - 1, numbers=numbers
            ),
            where=where,
        )
    return slots

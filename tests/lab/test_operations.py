"""A cluster that changes while it is in use: docs/guide/operations.md, sequence by sequence."""

from __future__ import annotations

import json

import pytest
from hosts import Lab
from hosts.node import Node
from tests.lab.cluster import Cluster
from tests.lab.conftest import SMALL

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

NEXT = "dsk:next"
PLACE = "find ~/.dsk -mindepth 2 -maxdepth 2 -path '*/small/*' -printf '%f ' 2>/dev/null || true"

# Its lease ends where nobody asks it anything.
HOLD_LOCK = """
{
  echo '{"id": 1, "op": "take_lock"}'
  while sleep 5; do echo '{"id": 2, "op": "identity"}'; done
} |
  dsk-agent job --start --workspace /workspace/small --job 20261124-1
"""
GIVE_UP_LOCK = """
echo '{"id": 3, "op": "close"}' |
  dsk-agent job --workspace /workspace/small --job 20261124-1
"""


def workers(node: Node) -> list[str]:
    label = "label=dsk.cluster=small"
    return node.docker("ps", "--all", "--format", "{{.Names}}", "--filter", label).split()


def bundles(node: Node) -> list[str]:
    return node.run(["bash", "-c", PLACE]).stdout.split()


def set_nodes(cluster: Cluster, *nodes: Node) -> None:
    cluster.change(nodes=[{"host": node.host, "slots": 1} for node in nodes])


def reaches(cluster: Cluster, *nodes: Node) -> None:
    """The master logs in to every worker, as a job would."""
    for node in nodes:
        cluster.in_worker(0, "ssh", node.host, "true")
    status = json.loads(cluster.dsk("status", "--json").out)
    assert [found["worker"] for found in status["nodes"]] == ["running"] * len(nodes)


def test_a_node_is_added_and_one_taken_out(lab: Lab, small: Cluster) -> None:
    first, second = lab.nodes
    set_nodes(small, first)
    small.dsk("up", "--accept-new-host-keys")
    assert workers(second) == []

    set_nodes(small, first, second)
    small.dsk("up", "--accept-new-host-keys")
    reaches(small, first, second)

    small.dsk("down", "--node", "node0")
    assert workers(first) == bundles(first) == []
    assert workers(second) == ["dsk-small-node1"]
    set_nodes(small, second)
    small.dsk("up")
    # It was node 1 and is the master now: nothing of its former number is left.
    assert workers(second) == ["dsk-small-node0"]
    assert bundles(second) == ["node0"]
    reaches(small, second)


def test_a_node_is_replaced_though_its_server_is_gone(lab: Lab, small: Cluster) -> None:
    first, second = lab.nodes
    set_nodes(small, second)
    small.dsk("up", "--accept-new-host-keys")
    second.link_down()
    try:
        set_nodes(small, first)
        small.dsk("up", "--accept-new-host-keys")
        reaches(small, first)
    finally:
        second.link_up()
    set_nodes(small, second)
    small.dsk("down")
    assert workers(second) == bundles(second) == []
    set_nodes(small, first)


def test_nodes_that_change_places(lab: Lab, small: Cluster) -> None:
    first, second = lab.nodes
    set_nodes(small, first, second)
    small.dsk("up", "--accept-new-host-keys")
    set_nodes(small, second, first)
    small.dsk("up")
    assert (workers(first), workers(second)) == (["dsk-small-node1"], ["dsk-small-node0"])
    assert (bundles(first), bundles(second)) == (["node1"], ["node0"])
    reaches(small, second, first)


@pytest.mark.parametrize("tag", [NEXT, SMALL], ids=["another name", "the same name"])
def test_another_image_and_back(lab: Lab, small: Cluster, tag: str) -> None:
    """A new dsk comes under the same name, a new stack under another one."""
    master, other = lab.nodes
    small.dsk("up", "--accept-new-host-keys")
    before = [node.docker("inspect", "--format", "{{.Id}}", SMALL).strip() for node in lab.nodes]
    text = f"FROM {SMALL}\nRUN echo new >/etc/dsk/new\n"
    master.run(["docker", "build", "--network=none", "--tag", tag, "-"], stdin=text)
    try:
        small.change(image=tag)
        said = small.dsk("up").out
        assert said.count("recreated: ") == 2
        assert small.dsk("exec", "--", "cat", "/etc/dsk/new").out.count("new\n") == 2
        reaches(small, master, other)
    finally:
        for node, image in zip(lab.nodes, before, strict=True):
            node.docker("tag", image, SMALL)
    small.change(image=SMALL)
    small.dsk("up")
    assert "new" not in small.dsk("exec", "--", "ls", "/etc/dsk").out
    if tag == NEXT:
        for node in lab.nodes:
            node.remove_image(NEXT)


def test_a_busy_worker_is_not_recreated(lab: Lab, small: Cluster) -> None:
    """With the lock of a job taken as its supervisor does."""
    small.dsk("up", "--accept-new-host-keys")
    holder = small.start("exec", "--node", "1", "--", "bash", "-c", HOLD_LOCK)
    try:
        holder.wait_for('"result"')
        small.change(env={"NCCL_DEBUG": "WARN"})
        refused = small.dsk("up", code=2)
        assert "node1 (10.88.0.12)" in refused.err and "20261124-1" in refused.err
        assert "dsk stop 20261124-1" in refused.err
    finally:
        small.dsk("exec", "--node", "1", "--", "bash", "-c", GIVE_UP_LOCK)
        holder.interrupt()
        holder.wait(60)
    assert "its configuration changed" in small.dsk("up").out

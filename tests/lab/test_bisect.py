"""Collectives over two hosts, and a pair that fails only together: told apart by short jobs."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hosts import Lab
from tests.lab.cluster import Cluster

pytestmark = [pytest.mark.lab, pytest.mark.full, pytest.mark.timeout(900)]


@pytest.fixture
def wall(lab: Lab) -> Iterator[None]:
    """Nothing but SSH passes from the first host to the second."""
    first, second = lab.nodes
    rule = ["INPUT", "-s", first.host, "-p", "tcp", "--syn", "!", "--dport", "2222", "-j", "DROP"]
    back = ["OUTPUT", "-d", first.host, "-p", "tcp", "--syn", "!", "--dport", "2222", "-j", "DROP"]
    for each in (rule, back):
        second.run(["iptables", "-I", *each])
    yield
    for each in (rule, back):
        second.run(["iptables", "-D", *each])


def test_collectives_are_right_and_leave_no_job(cluster: Cluster) -> None:
    before = json.loads(cluster.dsk("status", "--json").out)["jobs"]
    said = cluster.dsk("check", "--only", "collectives", "--json").out
    found = json.loads(said)["findings"]
    assert [each["state"] for each in found] == ["ok"] * 3
    assert "GB/s" in said
    assert json.loads(cluster.dsk("status", "--json").out)["jobs"] == before


def test_two_that_fail_only_together_are_named(cluster: Cluster, wall: None) -> None:
    done = cluster.dsk("diagnose", "--bisect", "--lang", "en", code=1, timeout=600)
    assert "node0: works" in done.err and "node1: works" in done.err
    assert "fail only together" in done.out


def test_one_step_on_each_node_alone(cluster: Cluster) -> None:
    train = cluster.train(output_dir="outputs/smoke")
    done = cluster.dsk("check", train, "--only", "smoke", "--lang", "en", timeout=600)
    assert done.out.count("alone it does a step") == 2
    cluster.dsk("exec", "--", "test", "!", "-e", f"{cluster.workspace}/outputs/smoke")

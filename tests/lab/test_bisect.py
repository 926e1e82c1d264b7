"""Collectives over two hosts, and a pair that fails only together: told apart by short jobs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from hosts import Lab
from tests.lab.cluster import Cluster

LIBRARIES = "/opt/venv/lib/python3.*/site-packages/torch/lib"
INTERRUPTED = 130

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


@pytest.fixture
def broken(cluster: Cluster) -> Iterator[None]:
    """The second node's torch lacks a library: its version is right, and it does not load."""
    library = "libtorch_global_deps.so"
    cluster.in_worker(1, "bash", "-c", f"cd {LIBRARIES} && mv {library} away")
    yield
    cluster.in_worker(1, "bash", "-c", f"cd {LIBRARIES} && mv away {library}")


def jobs(cluster: Cluster) -> list[str]:
    return [each["job"] for each in json.loads(cluster.dsk("status", "--json").out)["jobs"]]


def test_collectives_are_right_and_leave_no_job(cluster: Cluster) -> None:
    before = jobs(cluster)
    said = cluster.dsk("check", "--only", "collectives", "--json").out
    found = json.loads(said)["findings"]
    assert [each["state"] for each in found] == ["ok"] * 3
    assert "GB/s" in said
    assert jobs(cluster) == before


def test_two_that_fail_only_together_are_named(cluster: Cluster, wall: None) -> None:
    done = cluster.dsk("diagnose", "--bisect", "--lang", "en", code=1, timeout=600)
    assert "node0: works" in done.err and "node1: works" in done.err
    assert "fail only together" in done.out


def test_one_that_fails_alone_is_named(cluster: Cluster, broken: None) -> None:
    done = cluster.dsk("diagnose", "--bisect", "--json", code=1, timeout=600)
    (found,) = json.loads(done.out)["findings"]
    assert (found["check"], found["state"], found["node"]) == ("bisect", "failed", 1)
    assert found["text"].startswith("fails alone: ")
    assert "libtorch_global_deps.so: cannot open" in found["text"]


def test_a_step_of_the_training_over_all_nodes(cluster: Cluster) -> None:
    train = cluster.train(output_dir="outputs/bisected")
    done = cluster.dsk("diagnose", train, "--bisect", "--lang", "en", timeout=600)
    assert "each node works alone, and all work together" in done.out
    assert "node0, node1: works" in done.err
    cluster.dsk("exec", "--", "test", "!", "-e", f"{cluster.workspace}/outputs/bisected")


def test_ctrl_c_ends_the_trial_that_runs(lab: Lab, cluster: Cluster, wall: None) -> None:
    """While the two wait for each other: in vain, and for as long as torch would."""
    running = cluster.start("diagnose", "--bisect")
    running.wait_for("node1: works")
    await_ranks(cluster)
    running.interrupt()
    assert running.wait(30) == INTERRUPTED
    assert ranks(cluster) == []
    for node in lab.nodes:
        assert "trial-" not in node.docker("ps", "--format", "{{.Names}}")


@pytest.mark.parametrize(
    "words", [("--only", "server", "--smoke"), ("--only", "smoke")], ids=["flag", "name"]
)
def test_one_step_on_each_node_alone(cluster: Cluster, words: tuple[str, ...]) -> None:
    train = cluster.train(output_dir="outputs/smoke")
    done = cluster.dsk("check", train, *words, "--lang", "en", timeout=600)
    assert done.out.count("it does a step on its own") == 2
    cluster.dsk("exec", "--", "test", "!", "-e", f"{cluster.workspace}/outputs/smoke")


def ranks(cluster: Cluster) -> list[str]:
    """Of any job, with their nodes."""
    script = "grep -lz '^RANK=' /proc/[0-9]*/environ 2>/dev/null || true"
    return cluster.dsk("exec", "--", "bash", "-c", script).out.split()


def await_ranks(cluster: Cluster) -> None:
    deadline = time.monotonic() + 60
    while not {"[node0]", "[node1]"} <= set(ranks(cluster)):
        assert time.monotonic() < deadline
        time.sleep(0.3)

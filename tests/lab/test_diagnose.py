"""Jobs that fail on two hosts, and what `dsk launch` and `dsk diagnose` say of them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from hosts import Lab
from tests.lab.cluster import MODEL, Cluster, Running

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

WORKER = "dsk-lab-node1"


def diagnosed(cluster: Cluster, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cluster.dsk("diagnose", "--json", *words).out)
    return found


def test_a_dataset_that_one_node_has_broken(cluster: Cluster) -> None:
    folder = f"{cluster.workspace}/broken"
    declare = 'mkdir -p "$1"; echo \'{"mine": {"file_name": "mine.json"}}\' >"$1/dataset_info.json"'
    good = """echo '[{"instruction": "hi", "input": "", "output": "hello"}]' >"$1/mine.json"; """
    for node, content in ((0, good), (1, """echo '[{' >"$1/mine.json"; """)):
        cluster.in_worker(node, "bash", "-c", f"{declare}; {content}", "-", folder)
    train = cluster.train(dataset="mine", dataset_dir=folder)
    done = cluster.dsk("launch", train, code=1, timeout=200)
    told = done.out[done.out.index("failed after") :]
    assert "cause: A dataset file on that node is not readable" in told
    job = json.loads(cluster.dsk("status", "--json").out)["jobs"][-1]["job"]
    assert f"more: dsk diagnose {job}" in told

    found = diagnosed(cluster)
    assert (found["job"], found["id"]) == (job, "dataset-broken")
    assert {line["node"] for line in found["evidence"]} == {1}
    assert all(line["rank"] == 1 and line["at"] for line in found["evidence"])
    assert "mine.json" in found["cause"]

    # A launch that is refused later is not the job that somebody asks about.
    cluster.in_worker(
        0,
        "bash",
        "-c",
        'cp -r "$1" "$2"',
        "-",
        f"{cluster.workspace}/{MODEL}",
        f"{cluster.workspace}/{MODEL}" + "-0",
    )
    missing = cluster.train(model_name_or_path=f"{cluster.workspace}/{MODEL}" + "-0")
    cluster.dsk("launch", "--no-check", missing, code=None, timeout=200)
    assert json.loads(cluster.dsk("status", "--json").out)["jobs"][-1]["ran"] is False
    assert diagnosed(cluster)["job"] == job

    chinese = cluster.dsk("diagnose", job, "--lang", "zh").out
    assert "原因: 该节点上的数据集文件" in chinese and "node1 rank 1" in chinese


def test_a_job_that_is_not_there(cluster: Cluster) -> None:
    assert "there is no job nobody" in cluster.dsk("diagnose", "nobody", code=2).err


@pytest.fixture
def training(cluster: Cluster) -> Iterator[Running]:
    """A job that is past its first step, and would go on for long."""
    launched = cluster.start("launch", cluster.train(max_steps=5000))
    try:
        launched.wait_for("'loss'", limit=400)
        yield launched
    finally:
        launched.kill()
        cluster.dsk("stop", code=None)


@pytest.mark.full
def test_a_rank_that_is_killed(cluster: Cluster, training: Running) -> None:
    job = json.loads(cluster.dsk("status", "--json").out)["jobs"][-1]["job"]
    kill = (
        "for each in /proc/[0-9]*; do tr '\\0' '\\n' <$each/environ 2>/dev/null | grep -qx RANK=1"
        ' && tr "\\0" "\\n" <$each/environ | grep -qx "DSK_JOB=$1" && kill -9 "${each#/proc/}";'
        " done; true"
    )
    cluster.in_worker(1, "bash", "-c", kill, "-", job)
    assert training.wait() == 1, training.text
    found = diagnosed(cluster, job)
    assert found["id"] == "host-memory"
    assert found["evidence"][0]["node"] == 1


@pytest.mark.full
def test_a_node_whose_link_goes_down(lab: Lab, cluster: Cluster, training: Running) -> None:
    lab.nodes[1].link_down()
    try:
        assert training.wait(240) == 1, training.text
        # The node's own logs cannot be had now: that is said, and the job diagnosed all the same.
        done = cluster.dsk("diagnose", "--json", timeout=120)
        assert json.loads(done.out)["id"] == "node-lost"
        assert "node1" in done.err
    finally:
        lab.nodes[1].link_up()


Fault = Callable[[Lab], AbstractContextManager[None]]


@contextmanager
def no_worker(lab: Lab) -> Iterator[None]:
    lab.nodes[1].docker("stop", WORKER)
    try:
        yield
    finally:
        lab.nodes[1].docker("start", WORKER)


@contextmanager
def another_key(lab: Lab) -> Iterator[None]:
    keys = "/run/dsk/authorized_keys"
    lab.nodes[1].docker("exec", WORKER, "sed", "-i.good", "1s/AAAA[^ ]*/AAAA/", keys)
    try:
        yield
    finally:
        lab.nodes[1].docker("exec", WORKER, "mv", f"{keys}.good", keys)


@contextmanager
def ranks_cannot_connect(lab: Lab) -> Iterator[None]:
    first, second = lab.nodes
    rule = [
        "INPUT",
        "-s",
        second.host,
        "-p",
        "tcp",
        "--syn",
        "--dport",
        "29500:65535",
        "-j",
        "DROP",
    ]
    first.run(["iptables", "-I", *rule])
    try:
        yield
    finally:
        first.run(["iptables", "-D", *rule])


@pytest.mark.full
@pytest.mark.parametrize(
    ("fault", "code", "cause"),
    [
        (no_worker, 3, "ssh-refused"),
        (another_key, 3, "ssh-key-refused"),
        (ranks_cannot_connect, 1, "supervisor"),
    ],
)
def test_what_check_would_have_found_is_named_after_a_launch_without_it(
    lab: Lab, cluster: Cluster, fault: Fault, code: int, cause: str
) -> None:
    words = ("launch", "--no-check", "--limit", "loading=60", cluster.train())
    with fault(lab):
        done = cluster.dsk(*words, code=code, timeout=200)
        job = json.loads(cluster.dsk("status", "--json").out)["jobs"][-1]["job"]
        found = diagnosed(cluster, job)
    assert job in done.text
    assert found["id"] == cause, found
    if fault is ranks_cannot_connect:
        assert "all wait to be connected to one another" in found["cause"], found
        assert "--only reach" in found["fix"]


def test_without_a_cluster_a_log_is_enough(tmp_path: Any) -> None:
    """Here for its neighbours; it contacts nothing."""
    cluster = Cluster(tmp_path)
    log = tmp_path / "train.log"
    log.write_bytes(os.urandom(5000) + b"\n[rank3]: OSError: [Errno 28] No space left on device\n")
    found = diagnosed(cluster, str(log))
    assert (found["id"], found["evidence"][0]["rank"]) == ("disk-full", 3)

"""What goes wrong on one node: one clear message, the right exit code, nothing left running."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from hosts import Lab
from tests.lab.cluster import MODEL, Cluster, Result

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

DATASET = [{"instruction": "hi", "input": "", "output": "hello"}] * 16


def write(cluster: Cluster, node: int, path: str, text: str) -> None:
    script = 'mkdir -p "$(dirname "$1")" && printf %s "$2" > "$1"'
    cluster.in_worker(node, "bash", "-c", script, "-", f"{cluster.workspace}/{path}", text)


@pytest.fixture
def data(cluster: Cluster) -> Iterator[str]:
    """A dataset named `mine` on both hosts; yields its file's path below the workspace."""
    for node in (0, 1):
        write(cluster, node, "mine/dataset_info.json", '{"mine": {"file_name": "mine.json"}}')
        write(cluster, node, "mine/mine.json", json.dumps(DATASET))
    yield "mine/mine.json"
    cluster.dsk("exec", "--", "rm", "-rf", f"{cluster.workspace}/mine")


def nothing_runs(cluster: Cluster, done: Result) -> bool:
    job = re.findall(r"^job (\S+):", done.text, re.M)[0]
    jobs = json.loads(cluster.dsk("status", "--json").out)["jobs"]
    assert (jobs[-1]["job"], jobs[-1]["state"]) == (job, "failed"), done.text
    assert jobs[-1]["exit_code"] == done.code
    return cluster.processes_of(job) == []


def test_a_rank_that_raises_is_named_and_ends_the_job_everywhere(
    cluster: Cluster, data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(cluster, 1, data, "[{")
    train = cluster.train(dataset="mine", dataset_dir=f"{cluster.workspace}/mine")
    done = cluster.dsk("launch", train, code=1, timeout=120)
    assert "rank 1 on node1 (10.88.0.12) exited with 1: " in done.text
    assert nothing_runs(cluster, done)
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    cause = "node1（10.88.0.12）上的 rank 1 退出，退出码 1："
    shown = cluster.dsk("logs").out
    assert "dsk: 正在连接 2 个 worker\n" in shown and f"失败：{cause}" in shown
    assert cause in cluster.dsk("status").out


@pytest.mark.parametrize("path", [MODEL, "mine/mine.json", "mine/dataset_info.json"])
def test_what_is_missing_on_one_node_is_found_before_the_start(
    cluster: Cluster, data: str, path: str
) -> None:
    place = f"{cluster.workspace}/{path}"
    cluster.in_worker(1, "mv", place, f"{place}.away")
    try:
        train = cluster.train(dataset="mine", dataset_dir=f"{cluster.workspace}/mine")
        done = cluster.dsk("launch", train, code=2)
    finally:
        cluster.in_worker(1, "mv", f"{place}.away", place)
    assert "node1 (10.88.0.12): " in done.text and path in done.text
    assert "node0 (" not in done.text
    assert nothing_runs(cluster, done)


def test_a_dataset_that_nobody_declared(cluster: Cluster) -> None:
    done = cluster.dsk("launch", cluster.train(dataset="identitty"), code=2)
    assert "identitty" in done.text and "identity" in done.text.replace("identitty", "")


def test_a_node_that_is_down(lab: Lab, cluster: Cluster) -> None:
    lab.nodes[1].link_down()
    try:
        done = cluster.dsk("launch", cluster.train(), code=3, timeout=60)
    finally:
        lab.nodes[1].link_up()
    assert "node1 (10.88.0.12)" in done.text
    assert nothing_runs(cluster, done)


def test_a_worker_that_is_down(lab: Lab, cluster: Cluster) -> None:
    label = "label=dsk.cluster=lab"
    worker = lab.nodes[1].docker("ps", "--quiet", "--filter", label).strip()
    lab.nodes[1].docker("stop", worker)
    try:
        refused = cluster.dsk("launch", cluster.train(), code=1)
        done = cluster.dsk("launch", "--no-check", cluster.train(), code=3, timeout=60)
    finally:
        cluster.dsk("up")
    assert "nothing was started" in refused.err and "the worker is exited" in refused.err
    assert "node1 (10.88.0.12)" in done.text and "dsk up" in done.text
    assert nothing_runs(cluster, done)

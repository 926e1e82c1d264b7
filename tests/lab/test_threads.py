"""Ranks on one host share its cores, whoever starts them."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence

import pytest
from hosts import Lab
from hosts.cores import machine_cores, of_host
from tests.lab.cluster import Cluster

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

SHOWN = re.compile(r"OMP_NUM_THREADS = '(.*)'")


@pytest.fixture
def two_cores(lab: Lab, one_host: Cluster) -> Iterator[Cluster]:
    """One host with two slots, whose worker has two cores while the test runs."""
    host = lab.nodes[1]
    [worker] = host.docker("ps", "--quiet", "--filter", "label=dsk.cluster=one").split()
    before = one_host.settings

    def give(cores: Sequence[int]) -> None:
        host.docker("update", "--cpuset-cpus", ",".join(map(str, cores)), worker)

    if len(machine_cores()) < 2:
        pytest.skip("two cores are needed to share them")
    host.limit_containers(machine_cores()[:2])
    give(machine_cores()[:2])
    yield one_host
    give(of_host(2, 2))
    host.limit_containers(of_host(2, 2))
    one_host.file.write_text(json.dumps(before))


def launch(cluster: Cluster, *words: str, **env: str) -> tuple[dict[int, str], list[float]]:
    """What libgomp says in each rank at its start (OMP_DISPLAY_ENV), and the losses."""
    cluster.change(env={"OMP_DISPLAY_ENV": "TRUE", **env})
    train = cluster.train(output_dir="outputs/threads", max_steps=3)
    out = cluster.dsk("launch", "--json", *words, train, timeout=600).out
    events = [json.loads(line) for line in out.splitlines()]
    shown = [
        (event["rank"], match[1])
        for event in events
        if event["event"] == "output"
        and event["rank"] is not None
        and (match := SHOWN.search(event["line"]))
    ]
    assert len(set(shown)) == len(dict(shown)), "one value for each rank"
    return dict(shown), cluster.losses("outputs/threads")


@pytest.mark.full
def test_each_rank_has_its_share_of_the_cores(two_cores: Cluster) -> None:
    found = [launch(two_cores, "--launcher", name) for name in ("direct", "deepspeed")]
    assert [threads for threads, _ in found] == [{0: "1", 1: "1"}] * 2
    assert found[0][1] == found[1][1]
    assert len(found[0][1]) == 3


def test_a_rank_alone_has_all_cores(two_cores: Cluster) -> None:
    assert launch(two_cores, "--include", "node0:0")[0] == {0: "2"}


@pytest.mark.full
def test_the_users_own_number(two_cores: Cluster) -> None:
    """By DeepSpeed's launcher, whose ranks get it through sshd."""
    threads, _ = launch(two_cores, "--launcher", "deepspeed", OMP_NUM_THREADS="3")
    assert threads == {0: "3", 1: "3"}


def test_ranks_started_by_hand(two_cores: Cluster) -> None:
    place = f"{two_cores.workspace}/threads.py"
    # One write: two ranks share the output.
    text = "import os; os.write(1, b'a rank has %s\\n' % os.environb[b'OMP_NUM_THREADS'])"
    two_cores.in_worker(0, "sh", "-c", f"printf %s {shlex.quote(text)} > {place}")
    out = two_cores.in_worker(0, "deepspeed", "--num_gpus=2", place)
    assert out.count("a rank has 1") == 2

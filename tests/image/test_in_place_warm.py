"""Warm starts where a platform starts the containers: no bundle, and variables instead of dsk.yaml.

node0 was started with DSK_WARM=false, node1 by hand and without it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.image.engine import Image
from tests.image.servers import FOLDER, TRAIN, Servers, running, set_up

pytestmark = pytest.mark.timeout(900)
READY_LIMIT_S = 120.0
OFF = "warm is false in this container's DSK_WARM"
STARTED = "; dsk.yaml has warm: true, so one is started after this job"
ALL_STEPS = 2
RECIPE = {**TRAIN, "per_device_train_batch_size": 2, "max_steps": ALL_STEPS}


@pytest.fixture(scope="module")
def servers(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    options = (("--env=DSK_WARM=false",), ())
    with running(tmp_path_factory.mktemp("rented"), image.reference, options) as made:
        set_up(made, [1, 1], RECIPE, "--accelerator", "cpu")
        yield made


def warm(servers: Servers) -> list[dict[str, Any]]:
    return [node["warm"] for node in json.loads(servers.dsk("status", "--json"))["nodes"]]


def wait_until_ready(servers: Servers, *nodes: int) -> None:
    deadline = time.monotonic() + READY_LIMIT_S
    while any(warm(servers)[node]["state"] != "ready" for node in nodes):
        assert time.monotonic() < deadline, servers.dsk("status")
        time.sleep(0.5)


def say(servers: Servers, setting: str) -> None:
    """`warm` in dsk.yaml."""
    servers.shell(
        0, f"sed -i '/^warm:/d' {FOLDER}/dsk.yaml; echo 'warm: {setting}' >>{FOLDER}/dsk.yaml"
    )


def forks(servers: Servers, index: int) -> int:
    """How many forked ranks that server has of a job that is launched: each has a keeper."""
    servers.dsk("launch", "--detach", "train.yaml")
    deadline = time.monotonic() + READY_LIMIT_S
    while "training" not in servers.dsk("status"):
        assert time.monotonic() < deadline, servers.dsk("logs")
    found = servers.shell(index, "pgrep -fc '/dsk/warm/[k]eeper.py' || true")
    servers.dsk("stop")
    return int(found)


def test_the_first_job_starts_warm_where_the_container_lets_it(servers: Servers) -> None:
    """With the caches that dsk gives every rank, and the threads of one rank."""
    wait_until_ready(servers, 1)
    assert f"starts cold: {OFF}\n" in servers.dsk("status")
    said = servers.dsk("launch", "train.yaml")
    # dsk.yaml leaves it to the container: that is no reason for a notice.
    assert "succeeded after" in said and "starts cold" not in said
    assert "warm" not in servers.exec(0, "cat", f"{FOLDER}/dsk.yaml").stdout


def test_what_dsk_yaml_says_reaches_the_containers(servers: Servers) -> None:
    say(servers, "true")
    assert f"{OFF}; dsk.yaml has warm: true, so one is started after the next job" in (
        servers.dsk("status")
    )
    first = servers.dsk("launch", "train.yaml")
    assert f"rank 0 starts cold: {OFF}{STARTED}" in first and "rank 1 starts cold" not in first
    wait_until_ready(servers, 0, 1)
    second = servers.dsk("launch", "train.yaml")
    assert "succeeded after" in second and "starts cold" not in second


def test_warm_false_in_dsk_yaml_starts_every_rank_cold(servers: Servers) -> None:
    servers.write(f"{FOLDER}/train.yaml", json.dumps({**RECIPE, "max_steps": 100_000}))
    wait_until_ready(servers, 1)
    say(servers, "auto")
    assert forks(servers, 1) == 1
    say(servers, "false")
    shown = servers.dsk("status")
    assert "starts cold: warm is false in dsk.yaml (its warm process is not used" in shown
    assert forks(servers, 1) == 0

"""Master containers on a real engine: what other launches, or a killed dsk, leave."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from dsk.cluster.model import Cluster, Local, Node
from dsk.jobs import master
from tests.image.engine import Image


@pytest.fixture
def cluster() -> Cluster:
    name = f"test-{uuid.uuid4().hex[:8]}"
    return Cluster(name, (Node(0, "10.0.0.11", 1, Local()),), Path("/nowhere/dsk.yaml"))


@pytest.fixture
def engine(cluster: Cluster) -> Iterator[Any]:
    client = docker.from_env()
    yield client
    for container in master.find_masters(client, cluster):
        container.remove(force=True)
    client.close()


def create(engine: Any, cluster: Cluster, image: Image, job: str) -> Any:
    labels = {master.CLUSTER: cluster.name, master.ROLE: "master", master.JOB: job}
    return engine.containers.create(image.reference, ["true"], labels=labels, network_mode="none")


def jobs(engine: Any, cluster: Cluster) -> set[str]:
    return {each.labels[master.JOB] for each in master.find_masters(engine, cluster)}


def test_what_a_killed_launch_created_is_removed_and_a_starting_one_is_not(
    engine: Any, cluster: Cluster, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(engine, cluster, image, "j1")
    master.remove_ended(engine, cluster)
    assert jobs(engine, cluster) == {"j1"}, "another dsk may be about to start it"
    monkeypatch.setattr(master, "ABANDONED_S", -1.0)
    master.remove_ended(engine, cluster)
    assert jobs(engine, cluster) == set()


def test_launches_that_tidy_up_at_the_same_time(
    engine: Any, cluster: Cluster, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(master, "ABANDONED_S", -1.0)
    for number in range(6):
        create(engine, cluster, image, f"j{number}")
    errors: list[BaseException] = []

    def tidy() -> None:
        try:
            master.remove_ended(docker.from_env(), cluster)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=tidy) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert jobs(engine, cluster) == set()

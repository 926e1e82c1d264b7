"""The lab as a fixture. Its code is tests/lab/hosts/, which a person uses through scripts/lab."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosts import Lab
from hosts.record import machine_lock
from tests.lab.cluster import IMAGE, MODEL, Cluster

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SMALL = os.environ.get("DSK_SMALL_IMAGE", "dsk:no-stack")
SMALL_PORT = 2300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of the hosts themselves end them: before the others share a cluster on them."""
    items.sort(key=lambda item: item.path.parent == HERE and item.path.name != "test_hosts.py")


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Two fresh hosts with the images. Ends any lab that runs here before, and its own after."""
    if os.geteuid() != 0:
        pytest.skip("the lab needs root: network namespaces and two Docker engines")
    build = [str(ROOT / "scripts/build-image.sh"), "--no-stack", f"--tag={SMALL}"]
    subprocess.run(build, check=True, timeout=600)
    with machine_lock(wait=900):
        try:
            yield Lab.up(nodes=2, images=[IMAGE, SMALL], fresh=True)
        finally:
            if running := Lab.running():
                running.down()


@pytest.fixture(scope="session")
def cluster(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """Both hosts with one rank each, up, and the tiny model on both."""
    made = Cluster.init(lab, tmp_path_factory.mktemp("cluster"), [f"{n.host}:1" for n in lab.nodes])
    ready(made)
    return made


@pytest.fixture(scope="session")
def one_host(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The second host alone with two ranks, beside the other cluster and apart from it."""
    made = Cluster.init(
        lab,
        tmp_path_factory.mktemp("one"),
        [f"{lab.nodes[1].host}:2"],
        name="one",
        workspace="/workspace/one",
        worker_port=2223,
    )
    ready(made)
    return made


@pytest.fixture
def small(lab: Lab, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster whose image holds no torch: all of a worker but the training."""
    cluster = Cluster.init(
        lab,
        tmp_path,
        [f"{node.host}:1" for node in lab.nodes],
        name="small",
        workspace="/workspace/small",
        image=SMALL,
        worker_port=SMALL_PORT,
    )
    yield cluster
    cluster.dsk("down", "--force", "--accept-new-host-keys", code=None)


def ready(cluster: Cluster) -> None:
    cluster.dsk("up", "--accept-new-host-keys")
    place = f"{cluster.workspace}/{MODEL}"
    cluster.dsk("exec", "--", "python", "-m", "dsk.demo.tiny_model", place)

"""The image carried as a file to hosts that reach nothing, and compared on them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hosts import Lab
from hosts.node import Node
from tests.lab.cluster import Cluster
from tests.lab.conftest import SMALL

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]
CARRIED = f"dsk:carried-{os.getpid()}"
ENTRYPOINT = "/usr/local/lib/dsk/entrypoint/health.sh"
STORE = "/var/lib/docker"
NODE0, NODE1 = "node0 (10.88.0.11)", "node1 (10.88.0.12)"


def docker(*words: str, check: bool = True, text: str | None = None) -> None:
    """On this machine, the operator's."""
    subprocess.run(["docker", *words], input=text, text=True, check=check, capture_output=True)


@pytest.fixture(scope="module")
def archive(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an image that neither a node nor this machine has any more: the small one with a setting
    of its own, so that it is nobody else's."""
    folder = tmp_path_factory.mktemp("archive")
    docker("build", "--network=none", f"--tag={CARRIED}", "-", text=f"FROM {SMALL}\nENV CARRIED=1")
    try:
        made = Cluster(folder)
        made.dsk("image", "save", "--image", CARRIED, "image.tar.zst")
    finally:
        docker("image", "rm", CARRIED)
    return folder / "image.tar.zst"


@pytest.fixture
def carried(lab: Lab, archive: Path, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster whose image no node has, nor this machine; its archive lies beside dsk.yaml."""
    cluster = Cluster.init(
        lab,
        tmp_path,
        [f"{node.host}:1" for node in lab.nodes],
        name="carried",
        workspace="/workspace/carried",
        image=CARRIED,
        worker_port=2301,
    )
    cluster.dsk("render")
    known = cluster.folder / ".dsk/known_hosts"
    known.write_text(lab.known_hosts.read_text())
    (cluster.folder / "image.tar.zst").symlink_to(archive)
    yield cluster
    cluster.dsk("down", "--force", code=None)
    for node in lab.nodes:
        node.docker("image", "rm", "--force", CARRIED, check=False)
    docker("image", "rm", CARRIED, check=False)


def has(node: Node) -> bool:
    return bool(node.docker("image", "ls", "--quiet", CARRIED).strip())


def places(cluster: Cluster, code: int) -> dict[str, dict[str, Any]]:
    told = json.loads(cluster.dsk("image", "verify", "--json", code=code).out)
    assert told["equal"] == (code == 0)
    return {f"node{place['node']} ({place['host']})": place for place in told["places"]}


def subjects(place: dict[str, Any]) -> set[tuple[str, str]]:
    return {(finding["kind"], finding["subject"]) for finding in place["findings"]}


def test_from_a_file_to_a_cluster(lab: Lab, carried: Cluster) -> None:
    """As docs/guide/air-gapped.md has it. The hosts have no way out of the lab."""
    for node in lab.nodes:
        node.remove_image(SMALL)
    try:
        assert "has the image" in carried.dsk("up", code=2).err
        assert "loaded" in carried.dsk("image", "load", "image.tar.zst").out
        carried.dsk("up")
        assert all(map(has, lab.nodes))
        said = carried.dsk("image", "verify").out
        assert said.count("as locked") == 2
        assert carried.dsk("up").out.count("unchanged") == 2
        second = lab.nodes[1]
        worker = second.docker("ps", "--quiet", "--filter", "label=dsk.cluster=carried").strip()
        second.docker("commit", worker, CARRIED)
        assert subjects(places(carried, code=1)[NODE1]) == {("worker", "image")}
    finally:
        carried.dsk("down", "--force")
        lab.seed([SMALL])


@pytest.mark.full
def test_straight_to_the_nodes(lab: Lab, carried: Cluster) -> None:
    said = carried.dsk(
        "image", "load", "image.tar.zst", "--node", "node1", "--node", "10.88.0.11"
    ).out
    assert f"{NODE0}: loaded" in said and f"{NODE1}: loaded" in said
    assert all(map(has, lab.nodes))
    again = carried.dsk("image", "load", "image.tar.zst", "--node", "1").out
    assert f"{NODE1}: has {CARRIED} already" in again
    places(carried, code=0)


def test_a_new_image_made_where_dsk_runs(lab: Lab, carried: Cluster) -> None:
    """As docs/guide/operations.md has it: the master's counts, and dsk up names the other one."""
    carried.dsk("image", "load", "image.tar.zst", "--node", "0", "--node", "1")
    assert "this machine has another" not in carried.dsk("up").out
    docker("build", "--network=none", f"--tag={CARRIED}", "-", text=f"FROM {SMALL}\nENV CARRIED=2")
    said = carried.dsk("up").out
    assert f"this machine has another {CARRIED}" in said and "--node node0" in said
    assert said.count("unchanged") == 2

    carried.dsk("image", "save", "new.tar.zst")
    carried.dsk("image", "load", "new.tar.zst", "--node", "node0")
    assert "sending" in carried.dsk("image", "sync").out
    said = carried.dsk("up").out
    assert "this machine has another" not in said and said.count("recreated: ") == 2
    assert carried.dsk("exec", "--", "printenv", "CARRIED").out.count("2\n") == 2


def test_a_damaged_file_reaches_no_node(lab: Lab, carried: Cluster) -> None:
    data = bytearray((carried.folder / "image.tar.zst").read_bytes())
    data[-1000] ^= 1
    (carried.folder / "damaged.tar.zst").write_bytes(data)
    said = carried.dsk("image", "load", "damaged.tar.zst", "--node", "0", "--node", "1", code=2).err
    assert said.count("is damaged") == 1
    assert not any(map(has, lab.nodes))


def test_an_image_for_other_accelerators_is_not_sent(lab: Lab, carried: Cluster) -> None:
    """What the image needs stands in the archive, as does the driver that it needs."""
    text = f"FROM {SMALL}\nLABEL dsk.accelerator=rocm\n"
    docker("build", "--network=none", f"--tag={CARRIED}", "-", text=text)
    try:
        carried.dsk("image", "save", "rocm.tar.zst")
    finally:
        docker("image", "rm", CARRIED)
    carried.change(accelerator="cuda")
    try:
        done = carried.dsk("image", "load", "rocm.tar.zst", "--node", "1", code=2)
    finally:
        carried.change(accelerator="cpu")
    assert NODE1 in done.err and "the image's stack is for rocm" in done.err
    assert not has(lab.nodes[1])


@pytest.mark.full
def test_a_node_that_is_not_there(lab: Lab, carried: Cluster) -> None:
    lab.nodes[1].link_down()
    try:
        done = carried.dsk("image", "load", "image.tar.zst", "--node", "0", "--node", "1", code=3)
        assert f"{NODE0}: loaded" in done.out and NODE1 in done.err
        seen = places(carried, code=3)
    finally:
        lab.nodes[1].link_up()
    assert seen[NODE0]["problem"] is None and seen[NODE0]["findings"] == []
    assert seen[NODE1]["stack"] is None and "no answer" in seen[NODE1]["problem"]


def test_another_image_under_the_same_name(lab: Lab, carried: Cluster) -> None:
    carried.dsk("image", "load", "image.tar.zst", "--node", "0", "--node", "1")
    other = f"{CARRIED}-other"
    change = f"FROM {SMALL}\nENV CARRIED=1\nRUN echo '# by hand' >>{ENTRYPOINT}"
    docker("build", "--network=none", f"--tag={other}", "-", text=change)
    try:
        carried.dsk("image", "save", "--image", other, "other.tar.zst")
    finally:
        docker("image", "rm", other)
    carried.dsk("image", "load", "other.tar.zst", "--node", "1")
    node = lab.nodes[1]
    node.docker("tag", other, CARRIED)
    node.docker("image", "rm", other)
    seen = places(carried, code=1)
    assert seen[NODE0]["findings"] == []
    assert subjects(seen[NODE1]) == {("file", ENTRYPOINT), ("content", "id")}
    shown = carried.dsk("image", "verify", code=1).out
    assert f"{NODE0}: as locked" in shown
    assert f"file {ENTRYPOINT}" in shown and "when the image was built" in shown
    assert "as locked" in carried.dsk("image", "verify", "--host", "0").out

    node.remove_image(CARRIED)
    assert "is not there" in places(carried, code=1)[NODE1]["problem"]


def test_an_engine_that_is_not_running(lab: Lab, carried: Cluster) -> None:
    lab.nodes[1].stop_engine()
    try:
        loading = carried.dsk("image", "load", "image.tar.zst", "--node", "1", code=3).err
        verifying = carried.dsk("image", "verify", "--host", "1", code=3).err
    finally:
        lab.nodes[1].start_engine()
    for said in (loading, verifying):
        assert f"{NODE1}: the Docker engine is not running" in said


@pytest.mark.full
@pytest.mark.parametrize("moment", ["before", "while loading"])
def test_a_full_disk(lab: Lab, carried: Cluster, moment: str) -> None:
    node = lab.nodes[1]
    size = "600m" if moment == "before" else "1g"
    node.stop_engine()
    node.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", STORE])
    try:
        node.start_engine()
        loading = carried.start("image", "load", "image.tar.zst", "--node", "1")
        if moment == "while loading":
            loading.wait_for("checked")
            node.run(["sh", "-c", f"head -c 900m /dev/zero >{STORE}/filler || true"])
        assert loading.wait() == 1
        text = "temporarily needs" if moment == "before" else "the disk became full while loading"
        assert text in loading.text and NODE1 in loading.text
        assert not node.docker("image", "ls", "--all", "--quiet").strip()
        left = node.run(["du", "-sm", "--exclude=filler", STORE]).stdout.split()[0]
        assert int(left) < 20
    finally:
        node.stop_engine()
        node.run(["umount", STORE])
        node.start_engine()

"""The image from the master to the nodes that lack it, and what can go wrong on its way."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hosts import Lab
from hosts.node import Node
from tests.lab.cluster import Cluster, Running
from tests.lab.conftest import SMALL

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

MB = 1_000_000
WANTED = "dsk-synctest:wanted"
OTHER = "dsk-synctest:other"
FOREIGN = "dsk-synctest:arm64"
PART_MB = 140
"""More than fill.GROUP_BYTES: a group of its own, which a sync that is cut off keeps."""
CHANGED_LAYER_LIMIT = 5 * MB
SITE = "/opt/venv/lib/python3.11/site-packages"

LEFT = r"""
ls /etc/docker/certs.d 2>&1
docker image ls --all --format '{{.Repository}}:{{.Tag}}' | grep dsk-sync/
docker ps --all --quiet --filter label=dsk.role=registry
docker volume ls --quiet
"""
NOTHING = "ls: cannot access '/etc/docker/certs.d': No such file or directory\n"


def build(name: str, dockerfile: str, *options: str) -> None:
    """On this machine's engine, from where the lab's nodes are seeded."""
    argv = ["env", "DOCKER_BUILDKIT=1", "docker", "build", "--quiet", "--network", "none"]
    argv += [*options, "--tag", name, "-"]
    subprocess.run(argv, input=dockerfile, text=True, check=True, capture_output=True, timeout=300)


@pytest.fixture(scope="module")
def images(lab: Lab) -> Iterator[None]:
    """WANTED, two layers on the small image that cannot be compressed, OTHER, the same with dsk's
    files changed, and one for another processor: on the first host only."""
    random = f"RUN head -c {PART_MB * MB} /dev/urandom >/part"
    names = {
        WANTED: f"FROM {SMALL}\n{random}1\n{random}2\nLABEL a=1\n",
        OTHER: f"FROM {WANTED}\nRUN cp -r {SITE}/dsk {SITE}/dsk-next\nLABEL a=2\n",
    }
    for name, dockerfile in names.items():
        build(name, dockerfile)
    build(FOREIGN, "FROM scratch\nWORKDIR /made\n", "--platform=linux/arm64")
    lab.seed([*names, FOREIGN], [lab.nodes[0]])
    yield
    for name in (OTHER, WANTED, FOREIGN):
        subprocess.run(["docker", "image", "rm", "--force", name], check=False, capture_output=True)


@pytest.fixture
def sync(lab: Lab, images: None, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster whose second node lacks its image; nothing of a sync may be left afterwards."""
    second = lab.nodes[1]
    cluster = Cluster.init(
        lab, tmp_path, [f"{node.host}:1" for node in lab.nodes], name="sync", image=WANTED
    )
    known = cluster.folder / ".dsk/known_hosts"
    known.parent.mkdir(exist_ok=True)
    known.write_text(lab.known_hosts.read_text())
    yield cluster
    for node in lab.nodes:
        node.full_speed()
        node.link_up()
    cluster.dsk("down", "--force")
    for node in lab.nodes:
        assert left(node) == NOTHING
    for name in (WANTED, OTHER, FOREIGN):
        second.docker("image", "rm", "--force", name, check=False)
    second.docker("image", "prune", "--force")


def left(node: Node) -> str:
    return node.run(["bash", "-c", LEFT], check=False).stdout


def received(node: Node) -> int:
    return int(node.run(["cat", "/sys/class/net/eth0/statistics/rx_bytes"]).stdout)


def until(true: Callable[[], bool], limit: float = 120) -> None:
    deadline = time.monotonic() + limit
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def parts(node: Node) -> int:
    """How many groups of layers a sync has brought so far."""
    listed = node.docker("image", "ls", "--quiet", "--filter", "reference=*/dsk-sync/sync")
    return len(listed.split())


def identity(node: Node, image: str) -> str:
    return node.docker("image", "inspect", "--format", "{{.Id}} {{.RootFS.Layers}}", image)


def cut_off(lab: Lab, sync: Cluster, end: Callable[[Running], None]) -> int:
    """Starts a sync, ends it once a group of layers is there; the bytes that came until then."""
    first, second = lab.nodes
    before = received(second)
    first.bandwidth("300mbit")
    running = sync.start("image", "sync")
    until(lambda: parts(second) > 0)
    first.bandwidth("20mbit")  # a minute for the next group: `end` may take its time
    end(running)
    running.wait()
    first.full_speed()
    return received(second) - before


def test_only_what_is_missing_travels_and_nothing_else_is_left(lab: Lab, sync: Cluster) -> None:
    first, second = lab.nodes
    out = sync.dsk("image", "sync").out
    assert f"sending {WANTED} from node0 to node1" in out
    assert "node1 (10.88.0.12): " in out and "MB/s" in out
    assert "2 of 2 nodes have the image" in out
    assert identity(second, WANTED) == identity(first, WANTED)
    assert left(second) == left(first) == NOTHING
    assert "sending" not in sync.dsk("image", "sync").out

    sync.change(image=OTHER)
    before = received(second)
    sync.dsk("image", "sync", "--to", second.host)
    assert received(second) - before < CHANGED_LAYER_LIMIT
    assert identity(second, OTHER) == identity(first, OTHER)

    # Another content under the name is replaced.
    second.docker("tag", OTHER, WANTED)
    sync.change(image=WANTED)
    assert "sending" in sync.dsk("image", "sync").out
    assert identity(second, WANTED) == identity(first, WANTED)


def test_killed_and_run_again(lab: Lab, sync: Cluster) -> None:
    """The next run brings the rest only, and takes away what the killed one left."""
    first, second = lab.nodes
    cut_off(lab, sync, Running.kill)
    assert parts(second) > 0 and "10.88.0.11:" in left(second)
    before = received(second)
    sync.dsk("image", "sync")
    # Three groups, one of which was there.
    assert received(second) - before < 2.2 * PART_MB * MB
    assert identity(second, WANTED) == identity(first, WANTED)
    assert left(second) == left(first) == NOTHING


def test_nobody_else_gets_in_and_ctrl_c_leaves_no_registry(lab: Lab, sync: Cluster) -> None:
    first, second = lab.nodes

    def try_it(running: Running) -> None:
        address = second.run(["ls", "/etc/docker/certs.d"]).stdout.strip()
        name = f"{address}/dsk-sync/sync"
        # The master's engine has no client certificate, and knows no certificate of the registry.
        assert "certificate" in first.run(["docker", "pull", name], check=False).stderr
        curl = ["curl", "--silent", "--show-error", "--insecure", f"https://{address}/v2/_catalog"]
        assert first.run(curl, check=False).returncode != 0
        # Who has one can pull and not push.
        second.docker("tag", SMALL, f"{name}:mine")
        assert second.run(["docker", "push", f"{name}:mine"], check=False).returncode != 0
        second.docker("image", "rm", f"{name}:mine")
        running.interrupt()
        assert running.wait() == 130

    cut_off(lab, sync, try_it)
    assert parts(second) > 0
    assert second.run(["ls", "/etc/docker/certs.d"], check=False).returncode != 0
    assert left(first) == NOTHING
    assert WANTED not in second.docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}")


def test_an_image_for_another_processor(lab: Lab, sync: Cluster) -> None:
    sync.change(image=FOREIGN)
    done = sync.dsk("image", "sync", code=1)
    assert "is for linux/arm64, this server is linux/amd64" in done.err
    assert "node1 (10.88.0.12)" in done.err and "sending" not in done.out


def test_a_host_that_is_no_node(sync: Cluster) -> None:
    done = sync.dsk("image", "sync", "--to", "10.9.9.9", code=2)
    assert "'10.9.9.9' is not a node" in done.err and "--node 10.9.9.9" in done.err


def test_a_login_that_is_not_root(lab: Lab, sync: Cluster) -> None:
    first, second = lab.nodes
    second.run(["useradd", "--create-home", "--shell", "/bin/bash", "--password", "*", "guest"])
    mode = second.run(["stat", "--format", "%a", "/var/run/docker.sock"]).stdout.strip()
    try:
        second.run(["cp", "-r", "/root/.ssh", "/home/guest/.ssh"])
        second.run(["chown", "-R", "guest:guest", "/home/guest/.ssh"])
        second.run(["chmod", "666", "/var/run/docker.sock"])
        nodes = [
            {"host": first.host, "slots": 1},
            {"host": second.host, "slots": 1, "ssh": f"guest@{second.host}"},
        ]
        sync.change(nodes=nodes)
        done = sync.dsk("image", "sync", code=1)
    finally:
        second.run(["chmod", mode, "/var/run/docker.sock"])
        # Forced: the session that has just ended may not be gone yet.
        second.run(["userdel", "--force", "--remove", "guest"])
        sync.change(nodes=[{"host": node.host, "slots": 1} for node in lab.nodes])
    assert "this login is not root" in done.err and "NOPASSWD" in done.err


@pytest.mark.full
def test_an_engine_that_asks_its_proxy_for_the_master(lab: Lab, sync: Cluster) -> None:
    first, second = lab.nodes
    proxy = f"http://{first.host}:9"
    second.stop_engine()
    try:
        second.start_engine(HTTPS_PROXY=proxy, NO_PROXY="localhost")
        refused = sync.dsk("image", "sync", code=3)
        second.stop_engine()
        second.start_engine(HTTPS_PROXY=proxy, NO_PROXY="localhost,10.88.0.0/24")
        sync.dsk("image", "sync")
    finally:
        second.stop_engine()
        second.start_engine()
    assert f"node1 (10.88.0.12): its engine uses the proxy {proxy}" in refused.err
    assert "NO_PROXY" in refused.err
    assert identity(second, WANTED) == identity(first, WANTED)


@pytest.fixture
def small_disk(lab: Lab) -> Iterator[Node]:
    """The second host with an empty engine on a disk of 2 GB."""
    node = lab.nodes[1]
    node.stop_engine()
    node.run(["mount", "-t", "tmpfs", "-o", "size=2g", "tmpfs", "/var/lib/docker"])
    node.start_engine()
    yield node
    node.stop_engine()
    node.run(["umount", "/var/lib/docker"])
    node.start_engine()


@pytest.mark.full
def test_a_disk_that_is_full_before_and_on_the_way(
    lab: Lab, sync: Cluster, small_disk: Node
) -> None:
    def leave(megabytes: int) -> None:
        script = f"cd /var/lib/docker; head -c 2G /dev/zero >fill; truncate -s -{megabytes}M fill"
        small_disk.run(["sh", "-c", script], check=False)

    leave(200)
    done = sync.dsk("image", "sync", code=1)
    assert re.search(r"node1 \(10\.88\.0\.12\): the image needs \d\.\d GB there; 0\.2 GB", done.err)
    assert "sending" not in done.out

    small_disk.run(["rm", "/var/lib/docker/fill"])
    lab.nodes[0].bandwidth("80mbit")
    running = sync.start("image", "sync")
    running.wait_for(" MB")
    leave(20)
    assert running.wait() == 1
    assert "node1 (10.88.0.12): the disk is full" in running.text
    assert "was not installed" in running.text
    assert small_disk.docker("image", "ls", "--all", "--quiet") == ""
    small_disk.run(["rm", "/var/lib/docker/fill"])
    sync.dsk("image", "sync")


def test_a_derived_image_costs_the_master_its_own_layers_only(lab: Lab, sync: Cluster) -> None:
    first = lab.nodes[0]
    first.remove_image(OTHER)
    sync.change(image=OTHER)
    before = received(first)
    try:
        out = sync.dsk("image", "sync", "--node", "node0").out
        # Nothing is compressed on this way.
        assert received(first) - before < 2 * CHANGED_LAYER_LIMIT
        assert "to node0, without the layers that are there" in out
        told = ["docker", "image", "inspect", "--format", "{{.Id}} {{.RootFS.Layers}}", OTHER]
        mine = subprocess.run(told, capture_output=True, text=True, check=True)
        assert identity(first, OTHER) == mine.stdout
        changed = first.docker("run", "--rm", "--network=none", "--entrypoint=ls", OTHER, SITE)
        assert {"dsk", "dsk-next"} <= set(changed.split())
    finally:
        lab.seed([OTHER], [first])


@pytest.mark.full
def test_the_master_gets_it_from_the_operators_machine(lab: Lab, sync: Cluster) -> None:
    first, second = lab.nodes
    first.remove_image(OTHER)
    first.remove_image(WANTED)
    try:
        out = sync.dsk("image", "sync").out
        assert f"sending {WANTED} from this machine to node0" in out
        assert f"sending {WANTED} from node0 to node1" in out
        phases = ["this machine packs", f"node0 ({first.host}): has received", "node0 packs"]
        places = [out.index(phase) for phase in phases]
        assert places == sorted(places)
        assert identity(second, WANTED) == identity(first, WANTED)
    finally:
        lab.seed([WANTED, OTHER], [first])

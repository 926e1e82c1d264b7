"""Faults of the network between two hosts, each made for real, and what the checks say of it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hosts import Lab, Node
from tests.lab.cluster import Cluster
from tests.lab.conftest import SMALL

pytestmark = pytest.mark.lab
PORT = 2311
CHECKS = ("interface", "reach", "mtu", "bandwidth", "latency", "port", "infiniband")
DROP_LIMIT_S = 10.0
USUAL_LIMIT_S = 15.0
"""What `dsk check` takes here without a fault, on a busy machine."""


@pytest.fixture(scope="module")
def up(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster.init(
        lab,
        tmp_path_factory.mktemp("net"),
        [f"{node.host}:1" for node in lab.nodes],
        name="net",
        workspace="/workspace/net",
        image=SMALL,
        worker_port=PORT,
    )
    made.dsk("up", "--accept-new-host-keys")
    yield made
    made.dsk("down", "--force", code=None)


@pytest.fixture
def nodes(lab: Lab) -> Iterator[tuple[Node, Node]]:
    """Both, with sound cables afterwards."""
    first, second = lab.nodes
    yield first, second
    for node in (first, second):
        node.repair_cable()
        node.full_speed()


def check(cluster: Cluster, *names: str) -> list[dict[str, Any]]:
    """The findings of these checks, all of the network's where none is named."""
    only = [word for name in names or CHECKS for word in ("--only", name)]
    done = cluster.dsk("check", "--json", *only, code=None)
    found: list[dict[str, Any]] = json.loads(done.out)["findings"]
    assert done.code == any(each["state"] == "failed" for each in found), done.text
    return found


def wrong(found: list[dict[str, Any]]) -> list[tuple[str, str, int | None, int | None]]:
    return [
        (each["check"], each["state"], each["node"], each["peer"])
        for each in found
        if each["state"] in ("warning", "failed")
    ]


def text(found: list[dict[str, Any]]) -> str:
    return "\n".join(f"{each['text']} | {each['fix']}" for each in found)


def test_sound_hosts_have_nothing_to_complain_of(up: Cluster) -> None:
    found = check(up)
    # Two hosts and their test share two cores: speed and delay are the machine's, not the cable's.
    assert not [each for each in wrong(found) if each[0] not in ("bandwidth", "latency")], text(
        found
    )
    assert {each["check"] for each in found} == set(CHECKS)


def test_packets_dropped_in_one_direction(up: Cluster, nodes: tuple[Node, Node]) -> None:
    first, second = nodes
    rule = ["INPUT", "-s", first.host, "-p", "tcp", "--syn", "--dport", "32768:60999", "-j", "DROP"]
    second.run(["iptables", "-I", *rule])
    try:
        begun = time.monotonic()
        found = check(up, "reach")
        took = time.monotonic() - begun
    finally:
        second.run(["iptables", "-D", *rule])
    assert wrong(found) == [("reach", "failed", 0, 1)]
    assert f"cannot connect to node1 ({second.host})" in text(found)
    assert "the other direction works" in text(found)
    assert f"On {second.host}, as root: iptables -I INPUT -s {first.host}" in text(found)
    assert took < USUAL_LIMIT_S + DROP_LIMIT_S


def test_a_hole_for_large_packets(up: Cluster, nodes: tuple[Node, Node]) -> None:
    """Between the two alone; the operator gets through to both. A plain login hangs there."""
    long = ["-m", "length", "--length", "1401:65535", "-j", "DROP"]
    rules = [(here, ["INPUT", "-s", other.host, *long]) for here, other in (nodes, nodes[::-1])]
    segments("1", nodes)
    for node, rule in rules:
        node.run(["iptables", "-I", *rule])
    try:
        found = check(up, "mtu", "bandwidth")
    finally:
        segments("65535", nodes)
        for node, rule in rules:
            node.run(["iptables", "-D", *rule])
    holes = [("mtu", "failed", 0, 1), ("mtu", "failed", 1, 0)]
    assert [each for each in wrong(found) if each[0] == "mtu"] == holes, text(found)
    assert [each for each in wrong(found) if each[:2] == ("bandwidth", "failed")], text(found)
    assert "more than 1400 bytes vanish" in text(found)
    assert "ip link set dev eth0 mtu 1400" in text(found)


def segments(count: str, nodes: tuple[Node, Node]) -> None:
    """How many of TCP's segments go over the cable as one frame: on a real one each is its own."""
    for node in nodes:
        node.run(["ip", "link", "set", "eth0", "gso_max_segs", count])


@pytest.mark.full
def test_unequal_mtus(up: Cluster, nodes: tuple[Node, Node]) -> None:
    second = nodes[1]
    second.run(["ip", "link", "set", "eth0", "mtu", "1400"])
    try:
        found = check(up, "mtu")
    finally:
        second.run(["ip", "link", "set", "eth0", "mtu", "1500"])
    assert wrong(found) == [("mtu", "warning", 0, 1)], text(found)


def test_a_long_and_slow_cable(up: Cluster, nodes: tuple[Node, Node]) -> None:
    nodes[1].latency(100)
    nodes[1].bandwidth("10mbit")
    found = check(up, "latency", "bandwidth")
    far = [each for each in found if each["check"] == "latency"]
    assert wrong(far) == [("latency", "warning", None, None)]
    assert 100 <= float(far[0]["seen"].split()[0]) < 200
    # What the other sends is as fast as two busy cores make it: slow as well, or not.
    slow = [each for each in found if each["check"] == "bandwidth" and each["node"] in (1, None)]
    rate, unit = slow[0]["seen"].split()
    assert unit == "Mbit/s"
    assert 5 < float(rate) < 15
    assert "a step of a 7 B model sends about 21 GB through each node" in text(slow)
    assert "z2" in text(slow)


@pytest.mark.full
def test_a_worker_that_drops_what_comes_costs_its_limit_once(
    up: Cluster, nodes: tuple[Node, Node]
) -> None:
    first, second = nodes
    second.drop_from(first.host)
    begun = time.monotonic()
    found = check(up)
    took = time.monotonic() - begun
    assert ("reach", "failed", 1, None) in wrong(found), text(found)
    assert f"port {PORT}" in text(found)
    assert took < USUAL_LIMIT_S + DROP_LIMIT_S


@pytest.mark.full
def test_a_pulled_cable(up: Cluster, nodes: tuple[Node, Node]) -> None:
    second = nodes[1]
    second.link_down()
    try:
        begun = time.monotonic()
        done = up.dsk("check", "--json", code=3)
        took = time.monotonic() - begun
    finally:
        second.link_up()
    found = json.loads(done.out)["findings"]
    assert ("server", "failed", 1, None) in wrong(found), text(found)
    assert ("interface", "ok", 0) in [(e["check"], e["state"], e["node"]) for e in found]
    assert took < USUAL_LIMIT_S + DROP_LIMIT_S


def test_ports_that_are_taken(up: Cluster, nodes: tuple[Node, Node]) -> None:
    listen = "import socket, time; s = socket.create_server(('', {})); time.sleep(60)"
    container = nodes[0].docker("ps", "--quiet", "--filter", "name=dsk-net-node0").strip()
    for number, label in ((29500, "-e=X=1"), (29501, "-e=DSK_JOB=j-7")):
        program = ["/opt/venv/bin/python", "-c", listen.format(number)]
        nodes[0].docker("exec", "--detach", label, container, *program)
    outside = ["timeout", "60", "/usr/bin/python3", "-c", listen.format(29502)]
    script = 'setsid --fork "$@" </dev/null >/dev/null 2>&1'
    nodes[0].run(["sh", "-c", script, "sh", *outside])
    wait_for_ports(nodes[0], 29500, 29501, 29502)
    try:
        found = check(up, "port")
    finally:
        up.dsk("exec", "--node", "0", "--", "dsk-agent", "end", "j-7", code=None)
        nodes[0].docker(
            "exec",
            container,
            "bash",
            "-c",
            "kill $(grep -lsa 29500 /proc/[0-9]*/cmdline | cut -d/ -f3)",
            check=False,
        )
        nodes[0].run(
            ["sh", "-c", "kill $(grep -lsa 29502 /proc/[0-9]*/cmdline | cut -d/ -f3)"], check=False
        )
    assert [each[:2] for each in wrong(found)] == [("port", "warning")] * 3, text(found)
    said = text(found)
    assert "port 29500 is held by python" in said
    assert "port 29501 is held by job j-7" in said
    assert re.search(
        r"port 29502 is held by python3\S* \(pid \d+\) outside the worker; dsk takes 29503", said
    )


def wait_for_ports(node: Node, *numbers: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        listening = node.run(["ss", "-Hltn"]).stdout
        if all(f":{number} " in listening for number in numbers):
            return
        assert time.monotonic() < deadline, listening
        time.sleep(0.2)


@pytest.mark.full
def test_an_interface_that_leads_nowhere(up: Cluster, nodes: tuple[Node, Node]) -> None:
    """What Docker makes on every server, with the same address on each."""
    for node in nodes:
        node.run(["ip", "link", "add", "docker0", "type", "bridge"])
        node.run(["ip", "address", "add", "172.17.0.1/16", "dev", "docker0"])
        node.run(["ip", "link", "set", "docker0", "up"])
    try:
        up.change(network={"interface": "docker0", "infiniband": "auto"})
        up.dsk("up")
        log = nodes[1].run(["sh", "-c", "docker logs dsk-net-node1 2>&1"]).stdout
        found = check(up, "interface")
    finally:
        for node in nodes:
            node.run(["ip", "link", "delete", "docker0"], check=False)
        up.change(network={"interface": "auto", "infiniband": "auto"})
        up.dsk("up")
    assert wrong(found) == [("interface", "failed", node, None) for node in (0, 1)], text(found)
    assert (
        f"docker0 is Docker's bridge, which no other node can reach; {nodes[1].host} is on eth0"
        in text(found)
    )
    assert f"warning: {nodes[1].host} is on eth0, NCCL and Gloo are told to use docker0" in log

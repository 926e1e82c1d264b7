"""What the network's checks make of measurements: names of nodes, causes, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from dsk.checks.model import Finding
from dsk.checks.network import bandwidth, infiniband, interface, latency, mtu, port, reach, traffic
from dsk.checks.network.facts import Network
from dsk.checks.network.groups import Groups, group
from dsk.cluster.model import Cluster, Local, Node
from dsk.text import verbatim
from dsk.wire.measure import (
    Choice,
    InfiniBand,
    Interface,
    Knock,
    Measured,
    Packet,
    Port,
    Ports,
    Reach,
    Route,
    Silent,
    Speed,
)

GBIT = 1e9


def cluster(count: int = 3) -> Cluster:
    nodes = tuple(Node(index, f"10.0.0.{11 + index}", 1, Local()) for index in range(count))
    return Cluster("lab", nodes, Path("/x/dsk.yaml"))


def eth0(node: int, **changes: object) -> Interface:
    fields = {
        "name": "eth0",
        "kind": "",
        "addresses": (f"10.0.0.{11 + node}/24",),
        "mtu": 1500,
        "up": True,
        "carrier": True,
        **changes,
    }
    return Interface(node, **fields)  # type: ignore[arg-type]


def sound(count: int = 3) -> list[Measured]:
    """Every node on eth0, everything gets through."""
    nodes = range(count)
    pairs = [(a, b) for a in nodes for b in nodes if a != b]
    return [
        *(eth0(node) for node in nodes),
        *(Choice(node, "eth0", f"10.0.0.{11 + node}", False) for node in nodes),
        *(Route(a, b, "eth0", f"10.0.0.{11 + a}") for a, b in pairs),
        *(Reach(a, b, "ok", rtt=0.0002) for a, b in pairs),
        *(Packet(a, b, 1500, 1500) for a, b in pairs),
        *(Speed(a, b, 9.4 * GBIT) for a, b in pairs),
        Ports(0, 29500, 29599, 29500),
    ]


def network(*instead: Measured, count: int = 3) -> Network:
    """The sound one with some measurements replaced by others of the same kind and nodes."""
    return Network((*sound(count), *instead))


def english(finding: Finding) -> str:
    assert finding.text.in_language("zh")
    fix = finding.fix
    if fix:
        assert fix.in_language("zh")
    return finding.text.in_language("en") + (f" | {fix.in_language('en')}" if fix else "")


def bad(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.state in ("warning", "failed")]


def one(findings: Sequence[Finding]) -> Finding:
    [finding] = bad(findings)
    return finding


@pytest.mark.parametrize(
    "check", [interface, reach, mtu, bandwidth, latency, port, infiniband], ids=lambda m: m.NAME
)
def test_a_sound_network_is_ok(check: object) -> None:
    findings = check.check(cluster(), network())  # type: ignore[attr-defined]
    assert findings
    assert {finding.state for finding in findings} == {"ok"}
    assert all(english(finding) for finding in findings)


# ---- who is to blame


ALL = [(a, b) for a in range(4) for b in range(4) if a != b]


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ([], Groups()),
        (ALL, Groups(everywhere=True)),
        ([(1, 0), (1, 2), (1, 3)], Groups(senders=(1,))),
        ([(0, 1), (2, 1), (3, 1)], Groups(receivers=(1,))),
        ([(0, 1)], Groups(pairs=((0, 1),))),
        ([(1, 0), (1, 2), (1, 3), (0, 2)], Groups(senders=(1,), pairs=((0, 2),))),
    ],
)
def test_bad_pairs_are_explained_by_as_few_nodes_as_possible(
    wrong: list[tuple[int, int]], expected: Groups
) -> None:
    assert group(wrong, ALL) == expected


def test_of_two_nodes_neither_is_blamed_for_one_direction() -> None:
    assert group([(0, 1)], [(0, 1), (1, 0)]) == Groups(pairs=((0, 1),))


# ---- interface


def on(*others: Interface, chosen: str, through: bool) -> Finding:
    outcome = "ok" if through else "timeout"
    found = network(
        *others,
        Choice(1, chosen, "x", False),
        *(Reach(a, b, outcome, None) for a, b in ((0, 1), (1, 0), (1, 2), (2, 1))),  # type: ignore[arg-type]
    )
    [finding] = [
        each for each in interface.check(cluster(), found) if each.peer is None and each.node == 1
    ]
    return finding


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (eth0(1, name="docker0", kind="bridge", addresses=("172.17.0.1/16",)), "Docker's bridge"),
        (eth0(1, name="br-0123456789ab", kind="bridge", addresses=()), "Docker's bridge"),
        (eth0(1, name="lo", kind="loopback", addresses=("127.0.0.1/8",)), "this node alone"),
        (eth0(1, name="eth1", addresses=("192.168.9.1/24",)), "no other node is reached"),
        (eth0(1, name="eth1", addresses=()), "no IPv4 address"),
        (eth0(1, name="eth1", up=False, carrier=False), "is down"),
        (eth0(1, name="eth1", carrier=False), "no link"),
    ],
)
def test_an_interface_that_does_not_lead_to_the_others_is_named(
    other: Interface, words: str
) -> None:
    finding = on(other, chosen=other.name, through=False)
    assert (finding.state, finding.node) == ("failed", 1)
    assert words in english(finding)
    assert other.name in english(finding)


def test_an_interface_for_the_data_alone_is_fine_where_it_leads_to_the_others() -> None:
    finding = on(eth0(1, name="ib0", addresses=("10.9.0.2/24",)), chosen="ib0", through=True)
    assert finding.state == "ok"
    assert "10.0.0.12 is on eth0" in english(finding)


def test_an_address_that_no_interface_has_is_named_with_those_that_there_are() -> None:
    found = network(eth0(1, addresses=("10.0.0.99/24",)))
    finding = one(interface.check(cluster(), found))
    assert (finding.state, finding.node) == ("failed", 1)
    assert "10.0.0.12 is on no interface" in english(finding)
    assert "eth0 10.0.0.99/24" in english(finding)


def test_a_route_over_another_interface_is_a_warning_for_that_pair() -> None:
    finding = one(interface.check(cluster(), network(Route(1, 2, "wg0", "10.0.0.12"))))
    assert (finding.state, finding.node, finding.peer) == ("warning", 1, 2)
    assert "leave by wg0, not by eth0" in english(finding)
    assert "10.0.0.12: ip route get 10.0.0.13" in english(finding)


# ---- reach


def test_packets_dropped_in_one_direction_name_both_nodes_and_that_the_other_works() -> None:
    finding = one(reach.check(cluster(2), network(Reach(0, 1, "timeout"), count=2)))
    assert (finding.state, finding.node, finding.peer) == ("failed", 0, 1)
    text = english(finding)
    assert "cannot connect to node1 (10.0.0.12)" in text
    assert "dropped" in text
    assert "the other direction works" in text
    assert "On 10.0.0.12, as root: iptables -I INPUT -s 10.0.0.11" in text


def test_a_node_that_lets_nobody_in_is_one_finding() -> None:
    found = network(Reach(0, 1, "refused"), Reach(2, 1, "refused"))
    finding = one(reach.check(cluster(), found))
    assert (finding.node, finding.peer) == (1, None)
    assert "no other node can connect" in english(finding)
    assert "refused" in english(finding)


def test_a_node_whose_port_does_not_answer_the_master_has_failed() -> None:
    findings = reach.check(cluster(2), Network((Knock(1, "timeout"),)))
    finding = one(findings)
    assert finding.node == 1
    assert "port 2222" in english(finding)
    assert "dropped" in english(finding)


def test_a_node_that_stopped_answering_is_skipped_with_the_reason() -> None:
    findings = reach.check(
        cluster(2), Network((Silent(1, verbatim("no answer to 'look' within 10 s")),))
    )
    assert [(each.state, each.node) for each in findings] == [("skipped", 1)]
    assert "no answer to 'look'" in english(findings[0])


# ---- mtu


def test_large_packets_that_vanish_while_data_stalls_have_failed() -> None:
    found = network(Packet(0, 1, 1500, 1400), Speed(0, 1, 0.0), count=2)
    finding = one(mtu.check(cluster(2), found))
    assert (finding.state, finding.node, finding.peer) == ("failed", 0, 1)
    assert "more than 1400 bytes vanish" in english(finding)
    assert "ip link set dev eth0 mtu 1400" in english(finding)


def test_large_packets_that_vanish_are_a_failure_where_no_data_was_sent() -> None:
    found = [each for each in sound(2) if not isinstance(each, Speed)]
    finding = one(
        mtu.check(
            cluster(2),
            Network(
                (
                    *found,
                    Packet(0, 1, 1500, 1400),
                )
            ),
        )
    )
    assert finding.state == "failed"


def test_unequal_mtus_are_a_warning_as_tcp_agrees_on_the_smaller() -> None:
    found = network(eth0(1, mtu=1400), Packet(0, 1, 1500, 1400), count=2)
    finding = one(mtu.check(cluster(2), found))
    assert finding.state == "warning"
    assert "node1 (10.0.0.12) takes 1400" in english(finding)


def test_a_path_that_tcp_adapts_to_is_a_warning() -> None:
    finding = one(
        mtu.check(cluster(2), network(eth0(1, mtu=9000), Packet(0, 1, 9000, 1500), count=2))
    )
    assert finding.state == "warning"
    assert "adapts" in english(finding)


def test_no_udp_at_all_says_nothing_of_the_mtu() -> None:
    findings = mtu.check(cluster(2), network(Packet(0, 1, 1500, 0), count=2))
    assert [(each.state, each.node) for each in findings] == [("skipped", 0), ("ok", 1)]


def test_a_hole_at_one_node_is_one_finding() -> None:
    found = network(Packet(1, 0, 1500, 1400), Packet(1, 2, 1500, 1400), Speed(1, 0, 0.0))
    finding = one(mtu.check(cluster(), found))
    assert (finding.state, finding.node, finding.peer) == ("failed", 1, None)


# ---- bandwidth and latency


def test_a_slow_network_says_what_that_means_for_a_job() -> None:
    speeds = [Speed(a, b, 0.94 * GBIT) for a, b in ((0, 1), (1, 0))]
    finding = one(bandwidth.check(cluster(2), network(*speeds, count=2)))
    assert (finding.state, finding.node) == ("warning", None)
    text = english(finding)
    assert "940 Mbit/s between the nodes" in text
    assert "a step of a 7 B model sends about 21 GB through each node" in text
    assert "179 s" in text
    assert "use LoRA with z2" in text


def test_one_slow_cable_names_its_node_and_the_device_s_own_speed() -> None:
    speeds = [Speed(1, 0, 94e6), Speed(1, 2, 94e6), Speed(0, 1, 9 * GBIT)]
    finding = one(bandwidth.check(cluster(), network(eth0(1, speed=1000), *speeds)))
    assert (finding.node, finding.peer) == (1, None)
    assert "94 Mbit/s is the most that this node sends" in english(finding)
    assert "the device says 1.0 Gbit/s" in english(finding)


def test_a_pair_that_connects_and_gets_no_data_has_failed() -> None:
    finding = one(bandwidth.check(cluster(2), network(Speed(0, 1, 0.0, "no answer"), count=2)))
    assert (finding.state, finding.node, finding.peer) == ("failed", 0, 1)


def test_the_traffic_of_a_step_is_what_was_measured() -> None:
    assert traffic.moved(traffic.SHARDED, 2) == pytest.approx(3 * 7e9 * 2 / 2)
    assert traffic.moved(traffic.STAGE_0, 8) == pytest.approx(2 * 7e9 * 2 * 7 / 8)
    assert traffic.waits(0.1, 2) == pytest.approx(96 * 0.05)


def test_a_far_node_is_named_once() -> None:
    far = [Reach(a, b, "ok", rtt=0.1) for a, b in ((0, 1), (1, 0), (1, 2), (2, 1))]
    finding = one(latency.check(cluster(), network(*far)))
    assert (finding.state, finding.node, finding.peer) == ("warning", 1, None)
    assert "100 ms there and back" in english(finding)
    assert "9.6 s a step" in english(finding)


def test_a_far_pair_is_named_once() -> None:
    far = [Reach(a, b, "ok", rtt=0.02) for a, b in ((0, 1), (1, 0))]
    finding = one(latency.check(cluster(), network(*far)))
    assert (finding.node, finding.peer) == (0, 1)


# ---- port


def test_a_port_of_another_process_of_another_job_and_from_outside() -> None:
    held = [Port(0, 29500, "python", 77), Port(0, 29501, "python", 78, "j-1"), Port(0, 29502)]
    findings = port.check(cluster(), network(*held, Ports(0, 29500, 29599, 29503)))
    texts = [english(each) for each in bad(findings)]
    assert "29500 is held by python (process 77) in the worker; dsk takes 29503" in texts[0]
    assert "kill 77" in texts[0]
    assert "job j-1" in texts[1]
    assert "dsk stop j-1" in texts[1]
    assert "outside the worker" in texts[2]
    assert "ss -ltnp 'sport = :29502'" in texts[2]


def test_a_port_held_on_the_server_is_named_where_the_server_tells() -> None:
    measured = network(Port(0, 29500), Ports(0, 29500, 29599, 29501))
    program = port.Holder(7, "sshd (pid 7)")
    held, _ = port.check(cluster(), measured, {29500: program})
    assert "held by sshd (pid 7) outside the worker" in english(held)
    assert held.fix is not None and "kill 7" in held.fix.in_language("en")


def test_no_free_port_is_a_failure() -> None:
    finding = one(port.check(cluster(), network(Ports(0, 29500, 29599, None))))
    assert finding.state == "failed"
    assert "29500 to 29599" in english(finding)


# ---- InfiniBand: in the words of /sys/class/infiniband, which ibstatus prints as they are.
# The first is from https://github.com/NVIDIA/nccl/issues/1866 (ConnectX under Ethernet: RoCE), the
# second from https://github.com/linux-rdma/rdma-core/pull/847 (a disabled port of an MT4099).


ROCE = {
    "device": "mlx5_0",
    "port": 1,
    "state": "4: ACTIVE",
    "rate": "100 Gb/sec (4X EDR)",
    "layer": "Ethernet",
}
DISABLED = {
    "device": "mlx4_0",
    "port": 1,
    "state": "1: DOWN",
    "rate": "10 Gb/sec (4X)",
    "layer": "InfiniBand",
}


@pytest.mark.parametrize(
    ("port_", "handed_in", "off", "state", "words"),
    [
        (ROCE, True, False, "ok", "mlx5_0 port 1 is used: 100 Gb/sec (4X EDR), Ethernet"),
        (ROCE, False, False, "warning", "network: {infiniband: on}"),
        (ROCE, False, True, "ok", "dsk.yaml turns it off"),
        (DISABLED, True, False, "warning", "has no link (1: DOWN)"),
    ],
)
def test_infiniband(
    port_: dict[str, object], handed_in: bool, off: bool, state: str, words: str
) -> None:
    nodes = [Choice(node, "eth0", "x", off) for node in range(3)]
    devices = [InfiniBand(node, **port_, handed_in=handed_in) for node in range(3)]  # type: ignore[arg-type]
    findings = infiniband.check(cluster(), network(*nodes, *devices))
    assert [(each.state, each.node) for each in findings] == [(state, node) for node in range(3)]
    assert words in english(findings[0])


def test_infiniband_without_a_link_that_nobody_uses() -> None:
    unused = InfiniBand(0, handed_in=False, **DISABLED)  # type: ignore[arg-type]
    [finding] = infiniband.check(cluster(), network(unused))
    assert finding.state == "ok" and "no InfiniBand device has a link" in english(finding)


def test_infiniband_on_some_nodes_only() -> None:
    devices = [InfiniBand(node, **ROCE, handed_in=True) for node in (0, 2)]  # type: ignore[arg-type]
    finding = one(infiniband.check(cluster(), network(*devices)))
    assert finding.node == 1

"""What an agent measures, over this machine's loopback and the kernel's own words."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsk.agent.measure import infiniband, interfaces, packets, ports, reach, transfer
from dsk.agent.measure.__main__ import Measure
from dsk.agent.measure.listener import Listener
from dsk.wire.measure import InfiniBand, Interface, Packet, decode
from dsk.wire.measuring import Look
from dsk.wire.request import plain

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def listener() -> Listener:
    return Listener(HOST, [HOST])


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as bound:
        bound.bind((HOST, 0))
        yield bound.getsockname()[1]


def test_connections_that_get_through_and_that_are_refused(
    listener: Listener, closed_port: int
) -> None:
    targets = [(7, HOST, listener.tcp_port), (8, HOST, closed_port)]
    through, refused = reach.connect_all(0, targets, HOST, 5)
    assert (through.node, through.peer, through.outcome) == (0, 7, "ok")
    assert through.rtt and 0 < through.rtt < 5, "seconds"
    assert (refused.peer, refused.outcome) == (8, "refused")


def test_an_address_that_cannot_be_ours_is_an_error_and_no_exception(listener: Listener) -> None:
    [found] = reach.connect_all(0, [(1, HOST, listener.tcp_port)], "192.0.2.1", 5)
    assert (found.outcome, found.problem) == ("error", "EADDRNOTAVAIL")


def test_the_listener_s_port_is_of_the_range_that_nccl_s_are_from(listener: Listener) -> None:
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert low <= listener.tcp_port <= high


def test_packets_of_the_interface_s_size_pass(listener: Listener) -> None:
    found = packets.probe_all(0, [(3, HOST, listener.udp_port)], HOST, 1500)
    assert found == [Packet(0, 3, 1500, 1500)]


def test_nobody_there_lets_no_packet_pass(
    closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packets, "TRY_S", 0.02)
    [found] = packets.probe_all(0, [(3, HOST, closed_port)], HOST, 1500)
    assert found.passed == 0


def test_what_is_no_probe_gets_no_answer_and_answers_are_never_larger() -> None:
    with pytest.raises(OSError, match="not a probe"):
        packets.acknowledgement(b"x" * 100)
    with pytest.raises(OSError, match="not a probe"):
        packets.acknowledgement(b"")


def test_data_over_loopback(listener: Listener) -> None:
    found = transfer.send(0, HOST, (1, HOST, listener.tcp_port))
    assert found.problem == ""
    assert found.rate > 1e5, "whatever else this machine does"


def test_only_the_second_half_of_a_transfer_counts() -> None:
    assert transfer.rate([(0.0, 0), (0.9, 10), (1.0, 20), (1.5, 520), (2.0, 1020)]) == 8000
    assert transfer.rate([(0.0, 0), (2.0, 0)]) == 0
    assert transfer.rate([(0.0, 0)]) == 0


def test_the_listener_serves_its_peers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packets, "TRY_S", 0.02)
    other = Listener(HOST, ["192.0.2.9"])
    assert transfer.send(0, HOST, (1, HOST, other.tcp_port)).problem
    assert packets.probe_all(0, [(1, HOST, other.udp_port)], HOST, 600)[0].passed == 0


def test_this_machine_s_interfaces() -> None:
    found = {each.name: each for each in interfaces.interfaces(0)}
    lo = found["lo"]
    assert (lo.kind, lo.up, lo.carrier) == ("loopback", True, True)
    assert "127.0.0.1/8" in lo.addresses
    assert interfaces.owner(list(found.values()), HOST) == "lo"
    assert interfaces.address_on(list(found.values()), "lo", "127.0.0.9") == HOST
    assert interfaces.mtu_of("lo", HOST) == lo.mtu


def test_routes_by_peer() -> None:
    found = interfaces.routes(0, [(5, "127.0.0.3"), (4, "127.0.0.2")])
    assert [(each.peer, each.interface) for each in found] == [(5, "lo"), (4, "lo")]


TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:733C 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 16503 1
   1: 0B00000A:8ADC 0C00000A:08AE 01 00000000:00000000 00:00000000 00000000     0        0 16504 1
"""


def test_listening_sockets_of_the_kernel_s_table() -> None:
    assert ports.listeners(TABLE) == [(29500, "16503")]


def test_the_holder_of_a_port_and_its_job(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as held:
        held.bind((HOST, 0))
        held.listen()
        number = held.getsockname()[1]
        monkeypatch.setattr(ports, "FIRST", number)
        monkeypatch.setattr(ports, "LAST", number)
        [found] = ports.rendezvous(0, HOST).held
    assert (found.port, found.pid) == (number, os.getpid())
    assert found.holder


def test_infiniband_as_the_kernel_shows_it(tmp_path: Path) -> None:
    port = tmp_path / "mlx5_0/ports/1"
    port.mkdir(parents=True)
    for name, text in (("state", "4: ACTIVE"), ("rate", "100 Gb/sec (4X EDR)")):
        (port / name).write_text(text + "\n")
    (port / "link_layer").write_text("Ethernet\n")
    [found] = infiniband.ports(2, tmp_path, tmp_path / "none")
    assert found == InfiniBand(
        2, "mlx5_0", 1, "4: ACTIVE", "100 Gb/sec (4X EDR)", "Ethernet", handed_in=False
    )


def test_what_a_worker_measures_of_itself_is_read_by_the_supervisor() -> None:
    looked = Measure(HOST, 2).look(Look())
    answer = Look.read_answer(json.loads(json.dumps(plain(looked))))
    found = [each for each in map(decode, answer.measured) if isinstance(each, Interface)]
    assert "127.0.0.1/8" in next(each for each in found if each.name == "lo").addresses
    assert {each.node for each in found} == {2} and answer.choice == looked.choice

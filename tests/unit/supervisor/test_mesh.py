"""Two nodes on this machine's loopback, measured by their agents' own programs."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsk.supervisor.measure.mesh import Mesh
from dsk.supervisor.measure.party import Party
from dsk.wire.jobspec import JobNode
from dsk.wire.measure import (
    Choice,
    Complete,
    Interface,
    Knock,
    Measured,
    Order,
    Packet,
    Ports,
    Reach,
    Route,
    Silent,
    Speed,
)

SSH = """#!/bin/sh
# ssh -T -F CONFIG -- HOST PYTHON ...: here, by this test's own Python.
shift 6
exec {python} "$@"
"""
NODES = (JobNode(0, "127.0.0.1", (0,), 1), JobNode(3, "127.0.0.2", (0,), 1))


@pytest.fixture
def sshd() -> Iterator[int]:
    """The port of what is in the place of the second node's sshd."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.2", 0))
        listening.listen()
        yield listening.getsockname()[1]


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin")
    monkeypatch.delenv("GLOO_SOCKET_IFNAME", raising=False)


def measure(order: Order, folder: Path) -> list[Measured]:
    (folder / "ssh").write_text(SSH.format(python=sys.executable))
    (folder / "ssh").chmod(0o755)
    told: list[Measured] = []
    party = Party(folder / "config", told.append)
    try:
        Mesh(order, party, told.append).run()
    finally:
        party.close()
    return told


def of(told: list[Measured], *kinds: type[Measured]) -> list[Measured]:
    return [each for each in told if isinstance(each, kinds)]


def test_every_pair_is_measured_both_ways(sshd: int, tmp_path: Path) -> None:
    told = measure(Order(NODES, sshd), tmp_path)
    assert of(told, Silent) == []
    assert of(told, Knock) == [Knock(3, "ok")]
    choices = [each for each in told if isinstance(each, Choice)]
    assert [(each.node, each.interface) for each in choices] == [(0, "lo"), (3, "")]
    assert {each.node for each in told if isinstance(each, Interface)} == {0, 3}
    for kind in (Route, Reach, Packet, Speed):
        pairs = {(each.node, each.peer) for each in told if isinstance(each, kind)}
        assert pairs == {(0, 3), (3, 0)}, kind.__name__
    assert {each.outcome for each in told if isinstance(each, Reach)} == {"ok"}
    assert all(each.rate > 0 for each in told if isinstance(each, Speed))
    assert [each.node for each in told if isinstance(each, Ports)] == [0]
    assert isinstance(told[-1], Complete)


def test_a_node_whose_port_is_closed_takes_no_part(tmp_path: Path) -> None:
    with socket.socket() as bound:  # and nothing listens
        bound.bind(("127.0.0.2", 0))
        told = measure(Order(NODES, bound.getsockname()[1], speed=False), tmp_path)
    assert of(told, Knock) == [Knock(3, "refused")]
    assert of(told, Reach, Packet, Speed, Silent) == []
    assert isinstance(told[-1], Complete)

"""`dsk init`. Nobody answers at these addresses: the file is written all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsk.cluster import load
from tests.cli.conftest import Dsk

# On this machine's own loopback nothing listens at that port, so that no test waits for a network.
HOSTS = ("10.255.255.11:4", "10.255.255.12:2")


def nodes(folder: Path) -> list[tuple[str, int]]:
    return [(node.host, node.slots) for node in load(folder / "dsk.yaml").nodes]


def test_hosts_and_slots_though_no_server_answers(dsk: Dsk) -> None:
    out = dsk("init", *HOSTS, "--user", "ubuntu").out
    assert nodes(dsk.folder) == [("10.255.255.11", 4), ("10.255.255.12", 2)]
    assert out.count("not asked for GPUs") == 2
    assert "next: dsk up" in out


def test_a_file_that_is_there_is_kept(dsk: Dsk) -> None:
    dsk.write("dsk.yaml", "mine")
    assert "is there already" in dsk("init", *HOSTS, code=2).err
    assert (dsk.folder / "dsk.yaml").read_text() == "mine"
    dsk("init", *HOSTS, "--force")
    assert len(nodes(dsk.folder)) == 2


def test_the_full_file(dsk: Dsk) -> None:
    dsk("init", *HOSTS, "--full", "--workspace", "/data/w")
    assert "# Shared memory of each worker" in (dsk.folder / "dsk.yaml").read_text()
    assert str(load(dsk.folder / "dsk.yaml").workspace) == "/data/w"


def test_deepspeeds_hostfile(dsk: Dsk) -> None:
    dsk.write("hostfile", "# two\n\n10.255.255.11 slots=8\n10.255.255.12 slots=8 # b\n")
    dsk("init", "--hostfile", "hostfile")
    assert nodes(dsk.folder) == [("10.255.255.11", 8), ("10.255.255.12", 8)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("10.255.255.11",), "10.255.255.11:4"),
        (("10.255.255.11:x",), "HOST:SLOTS"),
        (("10.255.255.11:0",), "slots: 0"),
        (("10.255.255.11:1", "10.255.255.11:1"), "named twice"),
        (("127.0.0.1:1",), "leads to no other node"),
        (("no.such.host.invalid:1",), "cannot be resolved"),
        (("10.255.255.11:1", "--name", "My Lab"), "lower-case"),
        (("10.255.255.11:1", "--workspace", "work"), "absolute"),
        (("--", "-oProxyCommand=x:1"), "cannot be resolved"),
    ],
)
def test_mistakes_write_nothing(dsk: Dsk, words: tuple[str, ...], said: str) -> None:
    assert said in dsk("init", *words, code=2).err
    assert not (dsk.folder / "dsk.yaml").exists()


def test_a_typo_in_the_hostfile(dsk: Dsk) -> None:
    dsk.write("hostfile", "10.255.255.11 slots-4\n")
    said = dsk("init", "--hostfile", "hostfile", code=2).err
    assert "hostfile:1" in said and "write 10.255.255.11 slots=4" in said

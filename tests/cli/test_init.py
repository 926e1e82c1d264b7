"""`dsk init`. Nobody answers at these addresses: the file is written all the same."""

from __future__ import annotations

import os
import subprocess
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
    assert "exists already" in dsk("init", *HOSTS, code=2).err
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
        (("127.0.0.1:1",), "other nodes cannot reach"),
        (("no.such.host.invalid:1",), "cannot be resolved"),
        (("10.255.255.11:1", "--name", "My Lab"), "lower-case"),
        (("10.255.255.11:1", "--workspace", "work"), "absolute"),
        (("--", "-oProxyCommand=x:1"), "cannot be resolved"),
    ],
)
def test_mistakes_write_nothing(dsk: Dsk, words: tuple[str, ...], said: str) -> None:
    assert said in dsk("init", *words, code=2).err
    assert not (dsk.folder / "dsk.yaml").exists()


@pytest.mark.parametrize("option", [(), ("--in-place",)])
def test_a_mistake_names_no_line_of_a_file_that_was_not_written(
    dsk: Dsk, option: tuple[str, ...]
) -> None:
    said = dsk("init", "10.255.255.11:1", "--workspace", "/usr/w", *option, code=2).err
    assert said.startswith("error: workspace: /usr/w is in /usr")
    two = dsk("init", "10.255.255.11:0", "--workspace", "/usr/w", *option, code=2).err
    assert "nodes[0].slots: 0" in two and "workspace: /usr/w" in two
    assert "dsk.yaml" not in said + two


# `dsk init` asks this machine itself, whose answer is what this `df` prints.
DF = """#!/bin/sh
echo 'Filesystem Type 1024-blocks Used Available Capacity Mounted on'
echo '/dev/a ext4 9 1 1000000 10% /'
echo '/dev/b xfs 9 1 2000000 10% /mnt/big disk'
echo '/dev/c ext4 9 1 9000000 10% /usr'
"""


def test_a_workspace_that_would_be_refused_is_never_proposed(dsk: Dsk) -> None:
    program = dsk.write("df", DF)
    program.chmod(0o755)
    address = subprocess.run(
        ["hostname", "-I"], capture_output=True, text=True, check=True
    ).stdout.split()[0]
    path = f"{dsk.folder}:{os.environ['PATH']}"
    out = dsk("init", f"{address}:1", PATH=path).out
    assert "/usr has more free space, but a workspace cannot be there" in out
    assert str(load(dsk.folder / "dsk.yaml").workspace) == "/mnt/big disk/workspace"


def test_a_typo_in_the_hostfile(dsk: Dsk) -> None:
    dsk.write("hostfile", "10.255.255.11 slots-4\n")
    said = dsk("init", "--hostfile", "hostfile", code=2).err
    assert "hostfile:1" in said and "write 10.255.255.11 slots=4" in said

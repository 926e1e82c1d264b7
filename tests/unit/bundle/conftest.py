from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from dsk.bundle import KeyPair, Keys
from dsk.cluster.model import Cluster, Demo, Local, Node, SshTarget

ENV = {
    "NCCL_DEBUG": "WARN",
    "AWKWARD": 'a "b" $HOME `id` \\ %n 100% é',
    "PADDED": " x ",
    "EMPTY": "",
    "HF_TOKEN": "hf_secret",
}


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(
        name="lab",
        nodes=(
            Node(0, "10.0.0.11", 4, Local()),
            Node(1, "10.0.0.12", 2, SshTarget("root", "10.0.0.12")),
        ),
        file=Path("/somewhere/dsk.yaml"),
        workspace=PurePosixPath("/data/my $pace/数据"),
        env=ENV,
    )


@pytest.fixture
def keys() -> Keys:
    def pair(name: str) -> KeyPair:
        return KeyPair(f"private {name}\n", f"ssh-ed25519 AAAA{name}")

    return Keys(pair("cluster"), (pair("host0"), pair("host1")))


@pytest.fixture
def demo() -> Demo:
    workspaces = (PurePosixPath("/w/node0"), PurePosixPath("/w/node1"))
    return Demo("dsk-demo", "172.31.0.0/24", workspaces, cpus=1.5)

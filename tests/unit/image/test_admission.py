"""What comes from a registry's container before it becomes a folder on a server."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from dsk.cluster.model import Cluster, Local, Node
from dsk.connect import Completed, Server
from dsk.errors import DskError
from dsk.image.sync import admission
from dsk.wire.registry import Opened

NODE = Node(0, "10.0.0.11", 1, Local())
CLUSTER = Cluster("lab", (NODE,), Path("/nowhere/dsk.yaml"))


class Asked:
    def __init__(self) -> None:
        self.argvs: list[list[str]] = []

    def run(self, argv: list[str], **_: object) -> Completed:
        self.argvs.append(argv)
        return Completed(0, b"", b"")


@pytest.mark.parametrize(
    "address",
    ["../../cron.d", "10.0.0.11:5000/../..", "10.0.0.11", "-x:1", "a b:1", "", "h:5000\n"],
)
def test_an_address_that_is_none_touches_no_server(address: str) -> None:
    asked = Asked()
    with pytest.raises(DskError, match="not as HOST:PORT"):
        admission.admit(cast(Server, asked), CLUSTER, NODE, Opened(address, "", "", ""))
    assert asked.argvs == []


def test_an_address_becomes_the_folders_name() -> None:
    asked = Asked()
    admission.admit(cast(Server, asked), CLUSTER, NODE, Opened("10.0.0.11:45000", "", "", ""))
    assert asked.argvs[0][-1] == "10.0.0.11:45000"

"""Why a worker is started anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from dsk.bundle import Bundle, BundleFile
from dsk.cluster.model import Cluster, Local, Node
from dsk.connect import Completed, Server
from dsk.errors import UserError
from dsk.fleet.contact import Fleet
from dsk.fleet.probe import Image, Probe, Worker
from dsk.fleet.state import ensure_owner, existing_owner
from dsk.fleet.up import _differences, _leave_to_others

DONE = Completed(0, b"", b"")
FOUND = Probe(
    docker=DONE,
    compose=DONE,
    runtime=False,
    devices=0,
    infiniband=False,
    workspace=True,
    image=Image("sha256:1", "content", 5),
    worker=Worker(running=True, restarting=False, config="c", image="sha256:1"),
    holder=None,
    same_files=True,
    listening=frozenset(),
)
BUNDLE: Bundle = {"compose.yaml": BundleFile("dsk.config: c")}


def differences(found: Probe, *, force: bool = False) -> list[str]:
    return _differences(found, BUNDLE, new_image=False, force=force)


def test_a_worker_that_is_as_it_should_be_is_left_alone() -> None:
    assert differences(FOUND) == []


def test_force_starts_it_anew_all_the_same() -> None:
    """As where it lost its GPUs, which nothing here tells."""
    assert differences(FOUND, force=True) == ["--force"]
    assert differences(replace(FOUND, worker=None), force=True) == ["new"]


def test_a_workspace_that_is_no_longer_the_servers() -> None:
    assert differences(replace(FOUND, moved=True)) == ["its workspace was another folder"]


MINE, THEIRS = "me@laptop:/a/dsk.yaml 0a", "jo@desk:/home/jo/llm/dsk.yaml 7f"


@pytest.mark.parametrize(("owner", "refused"), [(MINE, False), ("", False), (THEIRS, True)])
def test_workers_of_another_dsk_yaml_with_the_same_name_are_left_to_it(
    owner: str, *, refused: bool
) -> None:
    node = Node(0, "10.0.0.11", 1, Local())
    cluster = Cluster("lab", (node,), Path("/a/dsk.yaml"))
    fleet = Fleet([node])
    fleet.servers[0] = cast(Server, None)
    there = replace(FOUND, worker=Worker(True, False, "c", "sha256:1", owner))
    _leave_to_others(cluster, MINE, fleet, {0: there})
    if not refused:
        assert fleet.errors == []
        return
    [error] = fleet.errors
    assert isinstance(error, UserError)
    assert error.where == "node0 (10.0.0.11)"
    assert error.message.endswith("was made from another dsk.yaml: jo@desk:/home/jo/llm/dsk.yaml")
    assert fleet.good == ()


def test_whose_a_cluster_is_is_written_once(tmp_path: Path) -> None:
    cluster = Cluster("lab", (Node(0, "10.0.0.11", 1, Local()),), tmp_path / "dsk.yaml")
    assert existing_owner(cluster) == ""
    first = ensure_owner(cluster)
    assert str(tmp_path / "dsk.yaml") in first
    assert ensure_owner(cluster) == existing_owner(cluster) == first

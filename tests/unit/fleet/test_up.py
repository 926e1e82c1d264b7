"""Why a worker is started anew."""

from __future__ import annotations

from dataclasses import replace

from dsk.bundle import Bundle, BundleFile
from dsk.connect import Completed
from dsk.fleet.probe import Image, Probe, Worker
from dsk.fleet.up import _differences

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

"""Why a worker is replaced, and when it is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from dsk.bundle import Bundle, BundleFile
from dsk.cluster.model import Cluster, Local, Node
from dsk.connect import Server
from dsk.errors import UserError
from dsk.fleet.up import _differences, _leave_to_others, _refuse_while_busy, _summary
from dsk.servers.contact import Fleet
from dsk.servers.state import ensure_owner, existing_owner
from dsk.survey.server import ServerFacts
from dsk.survey.values import Image, Worker
from dsk.text import Text

FOUND = ServerFacts(
    image=Image("sha256:1", "content", 5),
    worker=Worker("running", "sha256:1", "c"),
    files=(),
)
BUNDLE: Bundle = {"compose.yaml": BundleFile("dsk.config: c")}


def differences(found: ServerFacts, *, force: bool = False) -> list[str]:
    reasons = _differences(found, BUNDLE, new_image=False, force=force)
    return [reason.in_language("en") for reason in reasons]


def test_a_worker_that_is_as_it_should_be_is_left_alone() -> None:
    assert differences(FOUND) == []


UP = FOUND.worker
MOVED: dict[str, Any] = {"place": "8:1", "worker_place": "8:2"}
REASONS = [
    (replace(FOUND, worker=replace(UP, state="exited")), "it was not running"),
    (replace(FOUND, worker=replace(UP, state="restarting")), "it was not running"),
    (
        replace(FOUND, worker=replace(UP, config="other")),
        "its configuration changed",
    ),
    (replace(FOUND, files=("hostfile",)), "its files were changed"),
    (replace(FOUND, files=None), "its files were changed"),
    (replace(FOUND, open_files={"ssh/id_ed25519": "0644"}), "its files were changed"),
    (replace(FOUND, worker=replace(UP, image="sha256:0")), "its image changed"),
    (replace(FOUND, image=None), "its image changed"),
    (replace(FOUND, **MOVED), "its workspace was another folder"),
]


@pytest.mark.parametrize(("found", "reason"), REASONS)
def test_each_difference_alone_is_a_reason(found: ServerFacts, reason: str) -> None:
    assert differences(found) == [reason]


def test_an_image_that_has_just_arrived_is_a_reason() -> None:
    [reason] = _differences(FOUND, BUNDLE, new_image=True, force=False)
    assert reason.in_language("en") == "its image changed"


def test_force_is_a_reason_on_its_own() -> None:
    """As where it lost its GPUs, which no probe reports."""
    assert differences(FOUND, force=True) == ["--force"]


def test_no_worker_needs_no_other_reason() -> None:
    found = replace(FOUND, worker=Worker(), files=None, **MOVED)
    assert differences(found, force=True) == ["new"]


def test_all_reasons_are_named_once_each() -> None:
    worker = Worker("exited", "sha256:0", "other")
    found = replace(FOUND, worker=worker, files=("hostfile",), **MOVED)
    alone = dict.fromkeys(reason for _, reason in REASONS)
    assert differences(found, force=True) == [*alone, "--force"]
    texts = [Text(reason) for reason in alone]
    assert _summary(found, texts).in_language("en") == f"recreated: {', '.join(alone)}"
    assert _summary(replace(FOUND, worker=Worker()), [Text("new")]) == Text("started")
    assert _summary(FOUND, []) == Text("unchanged")


def test_a_worker_that_holds_a_job_is_left_to_it_unless_forced() -> None:
    node = Node(0, "10.0.0.11", 1, Local())
    busy = replace(FOUND, holder="20260101-120000-ab12")
    with pytest.raises(UserError, match="20260101-120000-ab12") as raised:
        _refuse_while_busy(node, busy, force=False)
    assert raised.value.where == "node0 (10.0.0.11)"
    assert raised.value.fix and "dsk stop 20260101-120000-ab12" in raised.value.fix
    _refuse_while_busy(node, busy, force=True)
    _refuse_while_busy(node, FOUND, force=False)


MINE, THEIRS = "me@laptop:/a/dsk.yaml 0a", "jo@desk:/home/jo/llm/dsk.yaml 7f"


@pytest.mark.parametrize(("owner", "refused"), [(MINE, False), ("", False), (THEIRS, True)])
def test_workers_of_another_dsk_yaml_with_the_same_name_are_left_to_it(
    owner: str, *, refused: bool
) -> None:
    node = Node(0, "10.0.0.11", 1, Local())
    cluster = Cluster("lab", (node,), Path("/a/dsk.yaml"))
    fleet = Fleet([node])
    fleet.servers[0] = cast(Server, None)
    there = replace(FOUND, worker=replace(UP, owner=owner))
    _leave_to_others(cluster, MINE, fleet, {0: there})
    if not refused:
        assert fleet.errors == []
        return
    [error] = fleet.errors
    assert isinstance(error, UserError)
    assert error.where == "node0 (10.0.0.11)"
    assert error.message.endswith(
        "was created from another dsk.yaml: jo@desk:/home/jo/llm/dsk.yaml"
    )
    assert fleet.good == ()


def test_whose_a_cluster_is_is_written_once(tmp_path: Path) -> None:
    cluster = Cluster("lab", (Node(0, "10.0.0.11", 1, Local()),), tmp_path / "dsk.yaml")
    assert existing_owner(cluster) == ""
    first = ensure_owner(cluster)
    assert str(tmp_path / "dsk.yaml") in first
    assert ensure_owner(cluster) == existing_owner(cluster) == first

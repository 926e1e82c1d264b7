"""--include and --exclude, compared with what DeepSpeed makes of the same words."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsk.cluster import secretnames
from dsk.cluster.model import Cluster, Local, Node
from dsk.cluster.selection import find_nodes, select
from dsk.errors import UserError

CLUSTER = Cluster(
    "lab",
    tuple(Node(i, f"10.0.0.1{i + 1}", 4, Local()) for i in range(3)),
    Path("/somewhere/dsk.yaml"),
)


def _slots(include: str | None = None, exclude: str | None = None) -> dict[str, tuple[int, ...]]:
    return {node.host: node.slots for node in select(CLUSTER, include, exclude)}


def test_everything_by_default() -> None:
    assert _slots() == {f"10.0.0.1{i}": (0, 1, 2, 3) for i in (1, 2, 3)}


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        ("10.0.0.12", None, {"10.0.0.12": (0, 1, 2, 3)}),
        ("node1", None, {"10.0.0.12": (0, 1, 2, 3)}),
        # The order stays that of the cluster, and with it the master.
        ("10.0.0.13:2,0@10.0.0.11", None, {"10.0.0.11": (0, 1, 2, 3), "10.0.0.13": (0, 2)}),
        (None, "10.0.0.12@node2:0,1,2", {"10.0.0.11": (0, 1, 2, 3), "10.0.0.13": (3,)}),
        (None, "10.0.0.11:0,1,2,3@node1", {"10.0.0.13": (0, 1, 2, 3)}),
    ],
)
def test_what_is_chosen(
    include: str | None, exclude: str | None, expected: dict[str, tuple[int, ...]]
) -> None:
    assert _slots(include, exclude) == expected


@pytest.mark.parametrize(
    ("include", "exclude", "message"),
    [
        ("10.0.0.11", "10.0.0.12", "cannot be used together"),
        ("10.0.0.99", None, "'10.0.0.99' is not a node of this cluster"),
        ("node1@node1:0", None, "named twice"),
        ("node1:4", None, "has slots 0 to 3, not 4"),
        ("node1:-1", None, "has slots 0 to 3, not -1"),
        ("node1:x", None, "'x' is not a list of slot numbers"),
        ("node1:", None, "'' is not a list of slot numbers"),
        (None, "node0@node1@node2", "leaves no slot"),
    ],
)
def test_mistakes(include: str | None, exclude: str | None, message: str) -> None:
    with pytest.raises(UserError, match=message):
        select(CLUSTER, include, exclude)


@pytest.mark.parametrize(
    "name", ["HF_TOKEN", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "DB_PASSWORD", "GITHUB_PAT"]
)
def test_credentials_are_known_by_name(name: str) -> None:
    assert secretnames.shown(name, "hunter2") == "***"


def test_other_values_are_shown_without_a_login_in_an_address() -> None:
    assert secretnames.shown("NCCL_DEBUG", "WARN") == "WARN"
    assert secretnames.shown("KEYBOARD", "us") == "us"
    assert secretnames.shown("https_proxy", "http://me:pw@proxy:3128") == "http://***@proxy:3128"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("http://me:p@ss@proxy:3128", "http://***@proxy:3128"),
        ("me:pw@proxy:3128", "***@proxy:3128"),
        ("git+https://ghp_x@github.com/a/b", "git+https://***@github.com/a/b"),
        ("https://h/hook?access_token=abc&lang=en", "https://h/hook?access_token=***&lang=en"),
        ("a=redis://:pw@h:1,b=redis://:pw@h:2", "a=redis://***@h:1,b=redis://***@h:2"),
        ("root@10.0.0.11:/data", "root@10.0.0.11:/data"),
        ("s3://bucket/key@v1", "s3://bucket/key@v1"),
        ("me@example.org", "me@example.org"),
    ],
)
def test_logins_in_any_kind_of_address_are_hidden(value: str, shown: str) -> None:
    assert secretnames.shown("ANY", value) == shown


def test_nodes_named_in_any_way_each_once_in_the_clusters_order() -> None:
    first, second, third = CLUSTER.nodes
    assert find_nodes(CLUSTER, ("node2", "10.0.0.11", "2")) == (first, third)
    assert find_nodes(CLUSTER, ()) == (first, second, third)
    with pytest.raises(UserError, match="'node7' is not a node") as error:
        find_nodes(CLUSTER, ("node7",))
    assert error.value.where == "--node node7"

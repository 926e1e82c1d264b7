"""What `dsk init` proposes by what the servers have."""

from __future__ import annotations

import pytest

from dsk.cluster.values import workspace
from dsk.servers.proposal import Proposal, propose_workspace
from dsk.survey.server import ServerFacts

GB = 10**9


def found(**disks: int) -> ServerFacts:
    """`usr=900`: /usr with 900 GB free."""
    mounts = {f"/{name.strip('_').replace('_', '/')}": free * GB for name, free in disks.items()}
    return ServerFacts(disks=mounts)


@pytest.mark.parametrize(
    ("nodes", "path", "refused"),
    [
        ([], "/workspace", None),
        ([found(_=10)], "/workspace", None),
        ([found(_=10, data=90), found(_=80, data=20)], "/data/workspace", None),
        ([found(_=10, usr=900)], "/workspace", "/usr"),
        ([found(_=10, mnt_disk=20, var_lib=900)], "/mnt/disk/workspace", "/var/lib"),
        ([found(_=10, var_lib_docker=900, etc=500)], "/workspace", "/var/lib/docker"),
        # A bind mount of the root's own disk is no roomier place.
        ([found(_=10, etc=10)], "/workspace", None),
        # Nothing that all nodes have is allowed.
        ([found(usr=10)], "/workspace", "/usr"),
    ],
)
def test_the_roomiest_place_that_the_cluster_file_allows(
    nodes: list[ServerFacts], path: str, refused: str | None
) -> None:
    proposal = propose_workspace(nodes)
    assert (str(proposal.workspace), proposal.refused) == (path, refused)
    assert workspace(str(proposal.workspace)) == path


def test_no_server_was_asked() -> None:
    assert propose_workspace([]) == Proposal(propose_workspace([]).workspace)

"""push and pull: what is refused before anything is contacted."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Dsk


@pytest.mark.parametrize("command", ["push", "pull"])
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("/etc",), "/etc is not in the workspace /workspace"),
        (("a/../..",), "is not in the workspace"),
        ((".dsk/jobs",), "belongs to each node"),
        (("--", ""), "the path is empty"),
        (("a", "--node", "node7"), "--node node7: 'node7' is not a node of this cluster"),
        (("a", "--host", "node7"), "--node node7: 'node7' is not a node of this cluster"),
        (("a", "--node", "0"), "there is no node but the master"),
    ],
)
def test_bad_input(in_cluster: Dsk, command: str, words: tuple[str, ...], says: str) -> None:
    assert says in in_cluster(command, *words, code=2).err


def test_the_whole_workspace_is_never_cleared(in_cluster: Dsk) -> None:
    said = in_cluster("push", ".", "--delete", code=2).err
    assert "every other node's own outputs" in said

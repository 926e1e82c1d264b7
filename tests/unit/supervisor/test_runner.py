"""What DeepSpeed's runner says, as it is heard."""

from __future__ import annotations

from dsk.supervisor.heard import LauncherEnded, LauncherLine, RankEnded
from dsk.supervisor.runner import read
from tests.texts import en
from tests.unit.wire.test_messages import SPEC

OK = "10.0.0.11: [launch.py:371:main] Process 1 exits successfully."
FAILED = (
    "10.0.0.12: [launch.py:341:sigkill_handler] ['python', 'train.py', '--local_rank=0'] exits with"
    " return code = 3"
)
ENDED = "pdsh@gpu-1: 10.0.0.12: ssh exited with exit code 255"


def test_a_rank_that_succeeded_is_not_named() -> None:
    line, ended = read(OK, SPEC)
    assert isinstance(line, LauncherLine) and line.node == SPEC.nodes[0]
    assert isinstance(ended, RankEnded)
    assert (ended.node, ended.rank, ended.code) == (SPEC.nodes[0], None, 0)


def test_one_that_failed_is_where_it_is_its_nodes_only_one() -> None:
    _, ended = read(FAILED, SPEC)
    assert isinstance(ended, RankEnded)
    assert (ended.node, ended.rank, ended.code) == (SPEC.nodes[1], 2, 3)


def test_of_several_on_a_node_none_is_named_by_mistake() -> None:
    """The line names the last one's command, whichever failed."""
    _, ended = read(FAILED.replace("10.0.0.12", "10.0.0.11"), SPEC)
    assert isinstance(ended, RankEnded)
    assert (ended.node, ended.rank, ended.code) == (SPEC.nodes[0], None, 3)


def test_the_end_of_a_nodes_launcher_is_told() -> None:
    _, ended = read(ENDED, SPEC)
    assert isinstance(ended, LauncherEnded)
    assert en(ended.why) == "DeepSpeed's launcher on node1 (10.0.0.12) ended with code 255"


def test_any_other_line_is_only_shown() -> None:
    assert read("nothing of note", SPEC) == [LauncherLine(None, "nothing of note")]

"""Which rank the others wait for, by py-spy's own output (0.4.3)."""

from __future__ import annotations

from pathlib import Path

from dsk.supervisor.stacktraces import Stack, astray, failure, keep
from dsk.supervisor.stalls import Stall
from tests.texts import en
from tests.unit.conftest import FrozenDisk
from tests.unit.wire.test_messages import SPEC

HEAD = """Process 80: /opt/venv/bin/python -u -m dsk.rank --local_rank=0 train /run/dsk/jobs/j/recipe.yaml
Python v3.11.2 (/usr/bin/python3.11)

Thread 92 (idle): "Thread-1 (monitor)"
    wait (threading.py:331)
Thread 80 (idle): "MainThread"
"""  # noqa: E501
IN_COLLECTIVE = (
    HEAD
    + """    all_reduce (torch/distributed/distributed_c10d.py:3007)
    wrapper (torch/distributed/c10d_logger.py:83)
    all_reduce (deepspeed/comm/torch.py:159)
    main (dsk/rank/__main__.py:30)
"""
)
JOINING = (
    HEAD
    + """    _create_c10d_store (torch/distributed/rendezvous.py:198)
    _env_rendezvous_handler (torch/distributed/rendezvous.py:278)
    init_process_group (torch/distributed/distributed_c10d.py:1762)
    main (dsk/rank/__main__.py:29)
"""
)
IN_LOOP = HEAD + "    spin (hook.py:12)\n    _inner_training_loop (transformers/trainer.py:2000)\n"
NONE = "no stack: py-spy did not answer within 8 s\n"


def stack(rank: int, text: str, state: str = "S") -> Stack:
    return Stack(SPEC.nodes[1] if rank == 2 else SPEC.nodes[0], rank, state, text)


def test_frames_are_the_main_threads() -> None:
    assert stack(0, IN_COLLECTIVE).place == "all_reduce (torch/distributed/distributed_c10d.py)"
    assert stack(0, NONE).place is None


def test_a_stopped_rank_is_the_one_wherever_it_is() -> None:
    found = astray([stack(0, IN_COLLECTIVE), stack(2, IN_COLLECTIVE, "T")])
    assert [s.rank for s in found] == [2]
    assert "is stopped" in found[stack(2, IN_COLLECTIVE, "T")].en


def test_who_does_not_wait_is_waited_for() -> None:
    found = astray([stack(0, IN_COLLECTIVE), stack(1, NONE), stack(2, IN_LOOP)])
    assert [(s.rank, text.values["frame"]) for s, text in found.items()] == [
        (2, "spin (hook.py:12)")
    ]


def test_all_at_one_place_tells_nothing() -> None:
    assert astray([stack(0, IN_COLLECTIVE), stack(2, IN_COLLECTIVE)]) == {}
    assert astray([stack(0, NONE), stack(2, NONE)]) == {}
    assert astray([]) == {}


def test_the_failure_names_rank_place_limit_and_stacks() -> None:
    found = [stack(0, IN_COLLECTIVE), stack(2, IN_LOOP)]
    told = failure(Stall("training", 21.4, 20.0), found, at=5.0, folder="/w/stacks/0")
    assert (told.node, told.rank, told.at) == (1, 2, 5.0)
    assert en(told.cause) == (
        "no rank has made progress for 21 s while training (limit 20 s): "
        "rank 2 on node1 (10.0.0.12) is in spin (hook.py:12)"
    )
    assert "/w/stacks/0" in en(told.fix) and "--limit training=" in en(told.fix)


def test_ranks_that_cannot_be_connected_are_told_to_look_at_the_network() -> None:
    told = failure(
        Stall("loading", 60.2, 60.0), [stack(0, JOINING), stack(2, JOINING)], at=5.0, folder="/w"
    )
    assert en(told.cause).endswith("(limit 60 s): all wait to be connected to one another")
    assert en(told.fix).startswith("dsk check --only interface --only reach ")
    one = failure(
        Stall("loading", 60.2, 60.0), [stack(0, JOINING), stack(2, IN_LOOP)], at=5.0, folder="/w"
    )
    assert "rank 2 on node1" in en(one.cause) and "connected" not in en(one.cause)


def test_stacks_are_kept_with_who_is_stopped(tmp_path: Path) -> None:
    assert keep([stack(0, NONE), stack(2, NONE, "T")], tmp_path / "stacks/0") is None
    texts = {path.name: path.read_text() for path in (tmp_path / "stacks/0").iterdir()}
    assert texts == {"node0-rank0.txt": NONE, "node1-rank2.txt": f"state T: stopped\n{NONE}"}


def test_stacks_that_cannot_be_kept_are_told_of(tmp_path: Path) -> None:
    (tmp_path / "stacks").write_text("a file in the way")
    told = keep([stack(0, NONE)], tmp_path / "stacks")
    assert "File exists" in en(told)


def test_a_disk_that_takes_nothing_does_not_keep_the_job_from_ending(frozen: FrozenDisk) -> None:
    folder = frozen.path / "stacks"
    frozen.freeze()
    problem = keep([stack(0, IN_LOOP)], folder, limit=0.5)
    assert "its disk took longer than 0.5 s" in en(problem)
    frozen.thaw()

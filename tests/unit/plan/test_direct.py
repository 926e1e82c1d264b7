"""What every rank is started as: the contract of DeepSpeed 0.19.8's launch.py."""

from __future__ import annotations

from dataclasses import replace

from dsk.plan import direct
from dsk.wire.jobspec import JobNode
from tests.unit.wire.test_messages import SPEC


def test_a_rank_is_started_as_launch_py_starts_a_module() -> None:
    assert direct.argv(SPEC, 1) == [
        *("/opt/venv/bin/python", "-u", "-m", "dsk.rank", "--local_rank=1", "train"),
        f"/run/dsk/jobs/{SPEC.job}/recipe.yaml",
    ]


def test_ranks_are_counted_over_the_chosen_slots() -> None:
    nodes = (JobNode(0, "10.0.0.11", (3,), 4), JobNode(2, "10.0.0.12", (1, 2), 4))
    spec = replace(SPEC, nodes=nodes)
    plans = direct.ranks_of(spec, nodes[1], master_port=29501)
    assert [plan.rank for plan in plans] == [1, 2]
    # As launch.py counts: the global rank modulo the node's slots.
    assert [plan.argv[4] for plan in plans] == ["--local_rank=1", "--local_rank=0"]
    assert plans[1].env == {
        "HF_TOKEN": "x y",
        "DSK_JOB": SPEC.job,
        "MASTER_ADDR": "10.0.0.11",
        "MASTER_PORT": "29501",
        "WORLD_SIZE": "3",
        "RANK": "2",
        "LOCAL_RANK": "0",
        "LOCAL_SIZE": "2",
        "CROSS_RANK": "1",
        "CROSS_SIZE": "2",
        "CUDA_VISIBLE_DEVICES": "1,2",
    }


def test_the_contract_comes_before_the_users_own_variables() -> None:
    spec = replace(SPEC, env={"RANK": "77", "PATH": "/own"})
    [plan] = direct.ranks_of(spec, SPEC.nodes[1], master_port=1)
    assert (plan.env["RANK"], plan.env["PATH"]) == ("2", "/own")

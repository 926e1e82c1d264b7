"""The runner's command line, and what its real output (DeepSpeed 0.19.8 under pdsh) tells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dsk.plan import deepspeed
from dsk.wire.jobspec import JobNode
from tests.unit.wire.test_messages import SPEC

HOSTS = frozenset({"10.0.0.11", "10.0.0.12"})
WHOLE = (JobNode(0, "10.0.0.11", (0, 1), 2), JobNode(1, "10.0.0.12", (0, 1), 2))


def test_whole_nodes_need_no_include() -> None:
    assert deepspeed.include(WHOLE) is None
    assert deepspeed.hostfile(WHOLE) == "10.0.0.11 slots=2\n10.0.0.12 slots=2\n"


def test_chosen_slots_are_included_by_name() -> None:
    assert deepspeed.include(SPEC.nodes) == "10.0.0.11:0,1@10.0.0.12:1"
    assert "--include=10.0.0.11:0,1@10.0.0.12:1" in deepspeed.command(
        SPEC, master_port=29500, attempt=0
    )


def test_the_command_names_what_deepspeed_would_guess_and_no_path_with_a_blank() -> None:
    spec = replace(SPEC, nodes=WHOLE)
    argv = deepspeed.command(spec, master_port=29501, attempt=2)
    assert argv == [
        "/opt/venv/bin/deepspeed",
        f"--hostfile=/run/dsk/jobs/{SPEC.job}/hostfile",
        "--master_addr=10.0.0.11",
        "--master_port=29501",
        "--ssh_port=2222",
        "--no_ssh_check",
        "--force_multi",
        "--launcher=pdsh",
        f"--enable_each_rank_log=/run/dsk/jobs/{SPEC.job}/logs/2",
        *("--module", "dsk.rank", "train"),
        f"/run/dsk/jobs/{SPEC.job}/recipe.yaml",
    ]
    assert not any(" " in word for word in argv)


def test_the_runner_gets_none_of_the_jobs_environment() -> None:
    env = deepspeed.runner_env("cuda", "/usr/bin", "/root", ssh_config=Path("/run/dsk/c"))
    assert "HF_TOKEN" not in env
    assert env["PDSH_SSH_ARGS_APPEND"] == "-F /run/dsk/c"
    assert deepspeed.rank_env(SPEC) == {"HF_TOKEN": "x y", "DSK_JOB": SPEC.job}


@pytest.mark.parametrize(
    ("line", "host", "fact"),
    [
        (
            "10.0.0.12: [2026-01-01 12:00:00,000] [INFO] [launch.py:371:main] Process 71 exits"
            " successfully.",
            "10.0.0.12",
            deepspeed.RankSucceeded("10.0.0.12"),
        ),
        (
            "10.0.0.11: [2026-01-01 12:00:00,000] [ERROR] [launch.py:341:sigkill_handler]"
            " ['/opt/venv/bin/python', '-u', '/opt/llamafactory/src/train.py', '--local_rank=1',"
            " 'train', '/run/dsk/jobs/j/recipe.yaml'] exits with return code = -9",
            "10.0.0.11",
            deepspeed.RankFailed("10.0.0.11", -9),
        ),
        (
            "pdsh@gpu-1: 10.0.0.12: ssh exited with exit code 255",
            "10.0.0.12",
            deepspeed.SessionEnded("10.0.0.12", 255),
        ),
        ("[2026-01-01 12:00:00,000] [INFO] [runner.py:606:main] cmd = pdsh -S", None, None),
        ("10.0.0.99: Process 1 exits successfully.", None, None),
        ("10.0.0.11: nothing of note", "10.0.0.11", None),
    ],
)
def test_lines_of_the_runner(line: str, host: str | None, fact: deepspeed.Fact | None) -> None:
    found_host, _, found_fact = deepspeed.read_line(line, HOSTS)
    assert (found_host, found_fact) == (host, fact)


def test_ranks_are_numbered_by_the_chosen_slots() -> None:
    nodes = (JobNode(0, "10.0.0.11", (3,), 4), JobNode(1, "10.0.0.12", (0, 1), 2))
    assert list(deepspeed.global_ranks(nodes, "10.0.0.11")) == [0]
    assert list(deepspeed.global_ranks(nodes, "10.0.0.12")) == [1, 2]

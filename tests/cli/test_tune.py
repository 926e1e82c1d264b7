"""`dsk tune`: what is refused before anything is contacted."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Dsk

WRONG = 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("do_train=false", "do_predict=true"), "evaluates or predicts"),
        (("stage=ppo", "reward_model=/workspace/rm"), "stage: ppo cannot be measured"),
        (("streaming=true", "max_steps=10"), "the longest samples are not known"),
        (("--budget", "soon"), "--budget soon: not a time"),
        (("--budget", "0s"), "--budget 0s: not a time"),
        (("--headroom", "8"), "'8' is not a share of the memory"),
        (("--headroom", "100%"), "'100%' is not a share of the memory"),
        (("batch=4",), "LLaMA-Factory does not know the key 'batch'"),
        (("--apply", "deepspeed.zero_optimization.stage=2"), "--apply writes complete keys"),
    ],
)
def test_refused(in_cluster: Dsk, words: tuple[str, ...], said: str) -> None:
    done = in_cluster("tune", in_cluster.train(), *words, code=WRONG)
    assert said in done.err
    assert done.err.count("error:") == 1


def test_in_chinese(in_cluster: Dsk) -> None:
    words = ("tune", in_cluster.train(), "do_train=false", "do_predict=true")
    done = in_cluster(*words, code=WRONG, LANG="zh_CN.UTF-8")
    assert "dsk tune 测量的是训练" in done.err


def test_a_file_of_the_users_is_never_replaced(in_cluster: Dsk) -> None:
    train = in_cluster.write(
        "mine.yaml", in_cluster.folder.joinpath(in_cluster.train()).read_text()
    )
    there = in_cluster.write("mine.tuned.yaml", "a: 1\n")
    done = in_cluster("tune", str(train), "--apply", code=WRONG)
    assert "dsk tune did not write it" in done.err
    assert there.read_text() == "a: 1\n"


def test_a_server_that_does_not_answer(in_cluster: Dsk) -> None:
    done = in_cluster("tune", in_cluster.train(), code=3)
    assert done.err.count("error:") == 1


def test_launch_does_not_measure_in_a_dry_run(in_cluster: Dsk) -> None:
    done = in_cluster("launch", in_cluster.train(), "--tune", "--dry-run", code=WRONG)
    assert "--dry-run contacts nothing" in done.err

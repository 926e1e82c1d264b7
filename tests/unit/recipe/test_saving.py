"""What `save: auto` changes: only what the user has not said."""

from __future__ import annotations

import pytest

from .conftest import Run, changed, english

KEYS = ("save_strategy", "save_total_limit")


def test_where_nothing_is_said_dsk_alone_saves(run: Run) -> None:
    recipe = run("", save_auto=True)
    assert [recipe.values[key] for key in KEYS] == ["no", 2]
    assert {*KEYS} <= set(changed(recipe))


def test_the_number_of_checkpoints_stays_the_users(run: Run) -> None:
    recipe = run("save_total_limit: 5\n", save_auto=True)
    assert [recipe.values[key] for key in KEYS] == ["no", 5]


@pytest.mark.parametrize(
    ("lines", "notice"),
    [
        ("save_steps: 100\n", "in addition to what save_strategy and save_steps ask for"),
        ("save_strategy: epoch\n", "in addition to what save_strategy and save_steps ask for"),
        ("load_best_model_at_end: true\n", "that load_best_model_at_end needs"),
        ("stage: ppo\nreward_model: /workspace/rm\n", "has no effect: PPO"),
    ],
)
def test_the_users_own_saves_stay(run: Run, lines: str, notice: str) -> None:
    recipe = run(lines, save_auto=True)
    assert not {*KEYS} & set(changed(recipe))
    assert any(notice in line for line in english(recipe.notices))


def test_without_it_nothing_changes(run: Run) -> None:
    assert not {*KEYS} & set(changed(run("")))


def test_what_can_save_on_request(run: Run) -> None:
    assert run("").saves
    assert not run("stage: ppo\nreward_model: /workspace/rm\n").saves
    assert not run("", "do_train=false", "do_predict=true").saves

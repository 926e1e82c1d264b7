"""Settings that do not go together with restarts after a failure."""

from __future__ import annotations

import pytest

from dsk.errors import UserError

from .conftest import Run, english


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("save_only_model: true\n", "save_only_model: restarts are on, and no restart can resume"),
        ("stage: ppo\n", "stage: restarts are on, and LLaMA-Factory does not resume"),
        ("stage: rm\n", "stage: restarts are on, and LLaMA-Factory does not resume"),
        ("fsdp: full_shard\n", "fsdp: restarts are on"),
    ],
)
def test_what_cannot_be_resumed_is_refused(run: Run, line: str, said: str) -> None:
    with pytest.raises(UserError) as raised:
        run(line, restarts=True)
    assert raised.value.message.startswith(said)
    assert "--max-restarts 0" in (raised.value.fix or "")
    run(line)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("save_strategy: 'no'\n", "save_strategy: no, so a restart after a failure begins with"),
        ("max_steps: 100\n", "save_steps: 500 is not less than max_steps: 100"),
        ("max_steps: 100\nsave_steps: 100\n", "save_steps: 100 is not less"),
        ("max_steps: 100\nsave_steps: 20\n", ""),
        ("max_steps: 100\nsave_steps: 0.2\n", ""),
        ("num_train_epochs: 3\n", ""),
    ],
)
def test_where_nothing_is_saved_that_is_said(run: Run, line: str, said: str) -> None:
    def notices(**site: bool) -> list[str]:
        found = english(run(line, **site).notices)
        return [each for each in found if "restart after a failure" in each]

    assert notices() == []
    assert notices(restarts=True, save_auto=True) == []
    found = notices(restarts=True)
    assert bool(found) == bool(said) and all(each.startswith(said) for each in found)

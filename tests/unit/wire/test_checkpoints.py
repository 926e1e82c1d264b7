"""Whether nodes would resume from one step."""

from __future__ import annotations

import pytest

from dsk.wire.checkpoints import Saved, differ, newest, newest_of_all


@pytest.mark.parametrize(
    ("nodes", "wrong", "step"),
    [
        ([[], []], False, None),
        ([[(10, True)], [(10, True)]], False, 10),
        ([[(10, True), (20, True)], [(10, True)]], True, 10),
        ([[(10, True)], []], True, None),
        # 9 is older than 10, whatever their names' order.
        ([[(9, True), (10, True)], [(9, True)]], True, 9),
        # A save that was cut off on one node, and on both.
        ([[(10, True), (20, True)], [(10, True), (20, False)]], True, 10),
        ([[(20, False)], [(20, False)]], False, None),
    ],
)
def test_newest_checkpoints(nodes: list[Saved], wrong: bool, step: int | None) -> None:
    named = {f"node{number}": saved for number, saved in enumerate(nodes)}
    assert differ(named) is wrong
    assert newest_of_all(named) == step


def test_in_words() -> None:
    assert newest([(9, True), (10, False)]) == "checkpoint-10 (cut off: no trainer_state.json)"
    assert newest([]) == "no checkpoint"

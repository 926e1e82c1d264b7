"""Which pairs send data at the same time."""

from __future__ import annotations

import itertools

import pytest

from dsk.supervisor.measure.rounds import MOST_ROUNDS, rounds


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 9, 64, 65])
def test_no_node_is_in_two_pairs_of_a_round_and_no_pair_comes_twice(count: int) -> None:
    found = rounds(range(count))
    assert len(found) <= MOST_ROUNDS
    for pairs in found:
        nodes = list(itertools.chain.from_iterable(pairs))
        assert len(nodes) == len(set(nodes)) >= count - 1
    everything = [frozenset(pair) for pairs in found for pair in pairs]
    assert len(everything) == len(set(everything))


@pytest.mark.parametrize("count", [2, 3, 7, 8])
def test_up_to_eight_nodes_every_pair_has_its_turn(count: int) -> None:
    found = {frozenset(pair) for pairs in rounds(range(count)) for pair in pairs}
    assert len(found) == count * (count - 1) // 2


def test_of_many_nodes_each_sends_to_several_others() -> None:
    found = [pair for pairs in rounds(range(64)) for pair in pairs]
    for node in range(64):
        assert len({frozenset(pair) for pair in found if node in pair}) == MOST_ROUNDS

"""Faults that are planted, found again; and how many rounds that takes."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Sequence

import pytest

from dsk.trials.bisect import Found, Group, bisect, most_rounds, rounds


class Site:
    """Nodes with faults; counts rounds, and insists that a round's groups are disjoint."""

    def __init__(
        self,
        alone: Iterable[int] = (),
        with_any: Iterable[int] = (),
        pairs: Iterable[tuple[int, int]] = (),
        crowd: int = 1 << 30,
    ) -> None:
        self.alone, self.with_any = set(alone), set(with_any)
        self.pairs = set(pairs)
        self.crowd = crowd
        self.rounds = 0

    def ask(self, groups: Sequence[Group]) -> list[bool]:
        self.rounds += 1
        members = [node for group in groups for node in group]
        assert groups and len(members) == len(set(members))
        return [self.works(group) for group in groups]

    def works(self, group: Group) -> bool:
        if group & self.alone or len(group) >= self.crowd:
            return False
        if len(group) > 1 and group & self.with_any:
            return False
        return not any(set(pair) <= group for pair in self.pairs)


SIZES = [1, 2, 3, 4, 5, 8, 13, 32, 64]


@pytest.mark.parametrize("count", SIZES)
def test_all_well_takes_two_rounds(count: int) -> None:
    site = Site()
    assert bisect(range(count), site.ask).sound
    assert site.rounds <= 2


@pytest.mark.parametrize("count", [3, 4, 5, 8, 13, 32, 64])
def test_one_bad_node_takes_logarithmically_many_rounds(count: int) -> None:
    for bad in range(count):
        site = Site(with_any=[bad])
        assert bisect(range(count), site.ask) == Found(with_any=(bad,))
        assert site.rounds <= 3 * math.ceil(math.log2(count)) + 6
        alone = Site(alone=[bad])
        assert bisect(range(count), alone.ask) == Found(alone=(bad,))
        assert alone.rounds == 2


@pytest.mark.parametrize("count", [2, 3, 4, 5, 8, 13, 32])
def test_one_bad_pair_takes_logarithmically_many_rounds(count: int) -> None:
    for pair in itertools.combinations(range(count), 2):
        site = Site(pairs=[pair])
        assert bisect(range(count), site.ask) == Found(pairs=(pair,))
        assert site.rounds <= 3 * math.ceil(math.log2(count)) + 8


def test_of_two_nodes_that_fail_together_neither_is_accused() -> None:
    assert bisect([0, 1], Site(with_any=[1]).ask) == Found(pairs=((0, 1),))


def test_any_faults_are_all_found_within_a_linear_number_of_rounds() -> None:
    chance = random.Random(5)
    for _ in range(400):
        count = chance.randint(4, 24)
        nodes = list(range(count))
        alone = chance.sample(nodes, chance.randint(0, 2))
        rest = [node for node in nodes if node not in alone]
        bad = chance.sample(rest, chance.randint(0, max(0, len(rest) // 3)))
        sound = [node for node in rest if node not in bad]
        pairs = set()
        if len(sound) > 3:
            # Each sound node has one at least with which it works.
            possible = [p for p in itertools.combinations(sound, 2) if sum(p) % 2]
            pairs = set(chance.sample(possible, min(len(possible), chance.randint(0, 3))))
        site = Site(alone, bad, pairs)
        found = bisect(nodes, site.ask)
        assert set(found.alone) == set(alone)
        assert site.rounds <= most_rounds(count)
        if len(sound) > 1:
            assert set(found.with_any) >= set(bad)
            explained = set(found.with_any) | set(found.alone)
            assert all(set(pair) & explained or pair in found.pairs for pair in pairs)
            assert set(found.pairs) <= pairs


def test_what_no_two_nodes_explain_is_a_crowd() -> None:
    assert bisect(range(6), Site(crowd=4).ask) == Found(crowd=(0, 1, 2, 3, 4, 5))


@pytest.mark.parametrize("count", [2, 3, 4, 7, 8])
def test_rounds_of_pairs_hold_every_pair_once(count: int) -> None:
    made = list(rounds(range(count)))
    flat = [tuple(sorted(group)) for groups in made for group in groups]
    assert sorted(flat) == sorted(itertools.combinations(range(count), 2))
    assert len(made) <= count

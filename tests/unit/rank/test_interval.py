"""The time between saves against Daly's formula, and the bound on what saves cost."""

from __future__ import annotations

import math

import pytest

from dsk.rank.autosave import FIRST_S, AutoSave
from dsk.rank.interval import MOST_OVERHEAD, NODE_LASTS_S, daly, interval


def lost(between_saves: float, save: float, between_failures: float) -> float:
    """Daly's model of the time that a training of one second needs (equation 20, restart free)."""
    segment = (between_saves + save) / between_failures
    return between_failures * math.expm1(segment) / between_saves


@pytest.mark.parametrize("save", [0.5, 10.0, 120.0])
@pytest.mark.parametrize("between", [3600.0, 86400.0, 30 * 86400.0])
def test_the_formula_is_within_a_thousandth_of_the_best(save: float, between: float) -> None:
    best = min(lost(w * math.sqrt(2 * save * between), save, between) for w in GRID)
    assert lost(daly(save, between), save, between) == pytest.approx(best, rel=1e-3)


GRID = [0.5 + step / 200 for step in range(200)]


def test_values_worked_out_by_hand() -> None:
    # sqrt(2·60·86400) = 3220.0; share = 60 / 172800; 3220·(1 + 0.01863/3 + 0.0000386) - 60.
    assert daly(60.0, 86400.0) == pytest.approx(3180.1, abs=0.1)
    assert daly(200.0, 100.0) == 100.0
    assert daly(500.0, 100.0) == 100.0


@pytest.mark.parametrize("save", [0.1, 5.0, 300.0, 3600.0])
@pytest.mark.parametrize("nodes", [1, 8, 64, 2000])
def test_saving_never_costs_more_than_the_bound(save: float, nodes: int) -> None:
    found = interval(save, nodes)
    assert save / (save + found) <= MOST_OVERHEAD * (1 + 1e-9)
    assert found >= daly(save, NODE_LASTS_S / nodes)


def test_more_nodes_save_more_often() -> None:
    assert interval(5.0, 8) < interval(5.0, 2) < interval(5.0, 1)


def test_the_first_save_comes_early_and_is_measured() -> None:
    auto = AutoSave(8, now=1000.0)
    assert not auto.due(1000.0 + FIRST_S - 1)
    assert auto.due(1000.0 + FIRST_S)
    auto.saved(2000.0, 20.0)
    wait = interval(20.0, 8)
    assert not auto.due(2000.0 + wait - 1)
    assert auto.due(2000.0 + wait)
    auto.put_off(5000.0)
    assert not auto.due(5000.0 + wait - 1)

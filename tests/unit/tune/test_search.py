"""The search against the exhaustive grid, on simulated machines."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from dsk.tune.points import Result, Setting
from dsk.tune.search import Log, Predict, Steps, search
from tests.unit.tune.machines import GIB, MACHINES, NOISES, Machine

ENOUGH = 0.97
WALL = 0.15

Search = Callable[[Machine, Log, Predict], Steps]


def no_estimate(_: Setting) -> int | None:
    return None


def estimate_of(machine: Machine, error: float) -> Predict:
    return lambda setting: round(machine.peak(setting) * GIB * error)


def the_search(machine: Machine, log: Log, predict: Predict) -> Steps:
    return search(machine.space, log, predict)


def doubling(machine: Machine, log: Log, _: Predict) -> Steps:
    """The largest batch that fits, as other tools find it."""
    own = machine.space.own
    micro = own.micro
    while True:
        result = yield machine.space.setting(own.variant, micro)
        log.add(result)
        if not result.fits(log.headroom) or 2 * micro > machine.space.per_rank * 512:
            return
        micro *= 2


def run(machine: Machine, how: Search, predict: Predict, seed: int) -> tuple[Log, float, int]:
    """What is known at the end, the seconds that it took, and the number of measurements."""
    chance = random.Random(seed)
    log = Log(machine.headroom)
    steps = how(machine, log, predict)
    seconds, count = 0.0, 0
    result: Result | None = None
    while True:
        try:
            setting = next(steps) if result is None else steps.send(result)
        except StopIteration:
            return log, seconds, count
        result = machine.measure(setting, chance)
        seconds, count = seconds + result.seconds, count + 1


def share(machine: Machine, log: Log, highest: float) -> float:
    """The true rate of what was found, against the best of the grid's."""
    found = log.best()
    return machine.rate(found.setting) / highest if found else 0.0


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("estimate", [None, 0.8, 1.2])
@pytest.mark.parametrize("name", MACHINES)
def test_as_good_as_the_grid_in_a_fraction_of_its_time(
    name: str, estimate: float | None, noise: float
) -> None:
    machine = replace(MACHINES[name], noise=noise)
    highest, grid_seconds = max(map(machine.rate, machine.grid())), machine.grid_seconds()
    predict = estimate_of(machine, estimate) if estimate else no_estimate
    for seed in range(3):
        log, seconds, count = run(machine, the_search, predict, seed + zlib.crc32(name.encode()))
        said = f"{log.best()} in {count} points, {seconds:.0f} s"
        assert share(machine, log, highest) >= ENOUGH, said
        assert seconds <= WALL * grid_seconds, said


def test_the_largest_batch_is_not_enough() -> None:
    """The criterion tells a search that is too simple."""
    short = []
    for name, machine in MACHINES.items():
        log, _, _ = run(machine, doubling, no_estimate, 1)
        if share(machine, log, max(map(machine.rate, machine.grid()))) < ENOUGH:
            short.append(name)
    assert len(short) > len(MACHINES) / 2, short


def test_no_setting_is_measured_that_a_smaller_batch_ruled_out() -> None:
    """After a batch of a variant ran out of memory, no larger one of it is tried."""
    for machine in MACHINES.values():
        log, _, _ = run(machine, the_search, no_estimate, 3)
        order = list(log.results)
        for number, setting in enumerate(order):
            if log.results[setting][0].outcome == "memory":
                later = [s.micro for s in order[number + 1 :] if s.variant == setting.variant]
                assert all(micro < setting.micro for micro in later)


def test_nothing_fits() -> None:
    machine = replace(MACHINES["only an offload preset fits"], limit=2.0)
    log, _, count = run(machine, the_search, no_estimate, 3)
    assert log.best() is None
    assert count <= 8
    assert {s.variant.preset for s in log.results} == {"z2", "z3", "z2_offload", "z3_offload"}


def test_the_global_batch_is_kept() -> None:
    machine = MACHINES["one H200, global batch kept"]
    log, _, _ = run(machine, the_search, no_estimate, 3)
    assert {s.micro * s.accumulation for s in log.results} == {64}


def test_the_users_own_setting_is_measured_first() -> None:
    for machine in MACHINES.values():
        log, _, _ = run(machine, the_search, no_estimate, 3)
        assert next(iter(log.results)) == machine.space.own

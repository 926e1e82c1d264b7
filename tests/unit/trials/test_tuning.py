"""The search carried out: the budget, earlier results, and where it cannot go on."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from dsk.errors import JobFailed, UserError
from dsk.trials import known
from dsk.trials import tuning as module
from dsk.trials.tuning import Task, Tuning
from dsk.tune.points import Result, Setting
from tests.unit.tune.machines import MACHINES, Machine

VALUES = {"num_train_epochs": 3.0}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


class Measuring:
    """Measures on a simulated machine, and counts."""

    world_size = 1

    def __init__(self, machine: Machine, clock: Clock, samples: int = 50_000) -> None:
        self._machine = machine
        self._clock = clock
        self._samples = samples
        self._chance = random.Random(3)
        self.count = 0
        self.change: Callable[[Result], Result] = lambda result: result

    def measure(self, setting: Setting, limit_s: float) -> Result:
        self.count += 1
        found = self._machine.measure(setting, self._chance)
        self._clock.now += min(found.seconds, limit_s)
        if found.seconds > limit_s:
            return Result(setting, "cut")
        raw = {**found.to_raw(), "samples": self._samples}
        return self.change(Result.from_raw(raw))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


def task_of(machine: Machine) -> Task:
    return Task(machine.space, VALUES, lambda _: None, 1)


MACHINE = MACHINES["one H200, full"]


def run(points: Measuring, budget_s: float, earlier: list[Result] | None = None) -> Tuning:
    tuning = Tuning.with_headroom(MACHINE.headroom)
    tuning.run(points, task_of(MACHINE), budget_s=budget_s, earlier=earlier or [])
    return tuning


def test_the_budget_is_kept(clock: Clock) -> None:
    tuning = run(Measuring(MACHINE, clock), 120)
    assert clock.now <= 120
    assert not tuning.complete
    found = tuning.outcome()
    assert found is not None
    assert found.speed_up is not None
    assert found.speed_up > 5


def test_a_second_search_measures_nothing_again(clock: Clock, tmp_path: Path) -> None:
    first = run(Measuring(MACHINE, clock), 3600)
    assert first.complete
    path = tmp_path / "tune" / "key.json"
    known.keep(path, first.measured)
    points = Measuring(MACHINE, clock)
    second = run(points, 3600, known.read(path))
    assert points.count == 0
    assert second.complete
    assert second.log.best() == first.log.best()


def test_a_search_goes_on_where_the_budget_ended(clock: Clock) -> None:
    first = run(Measuring(MACHINE, clock), 120)
    points = Measuring(MACHINE, clock)
    assert run(points, 3600, first.measured).complete
    full = Measuring(MACHINE, clock)
    run(full, 3600)
    assert points.count < full.count


def test_results_that_cannot_be_read_are_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    assert known.read(path) == []
    path.write_text('{"results": [{"setting": 3}]}')
    assert known.read(path) == []


def test_a_budget_that_is_too_short(clock: Clock) -> None:
    with pytest.raises(UserError, match="ended before one setting was measured"):
        run(Measuring(MACHINE, clock), 5)


def test_a_training_that_is_too_short(clock: Clock) -> None:
    with pytest.raises(UserError, match=r"3 optimizer step\(s\) of 2 samples \(2 samples"):
        run(Measuring(MACHINE, clock, samples=2), 600)


def test_no_batch_is_larger_than_the_data(clock: Clock) -> None:
    tuning = run(Measuring(MACHINE, clock, samples=20), 3600)
    assert max(each.setting.micro for each in tuning.log.all()) <= 20


def test_a_training_that_fails_by_itself(clock: Clock) -> None:
    points = Measuring(MACHINE, clock)
    points.change = lambda result: Result(result.setting, "failed", why="no such template")
    with pytest.raises(JobFailed, match="fails with its own settings: no such template"):
        run(points, 600)


def test_a_variant_that_fails_is_left_out(clock: Clock) -> None:
    points = Measuring(MACHINE, clock)
    points.change = lambda result: (
        Result(result.setting, "failed", why="no kernel")
        if result.setting.variant.liger
        else result
    )
    tuning = run(points, 3600)
    best = tuning.log.best()
    assert best is not None
    assert not best.setting.variant.liger
    failed = [each for each in tuning.log.all() if each.outcome == "failed"]
    assert len(failed) == 1


def test_an_interrupt_leaves_what_is_known(clock: Clock) -> None:
    points = Measuring(MACHINE, clock)

    def interrupt(result: Result) -> Result:
        if points.count > 4:
            raise KeyboardInterrupt
        return result

    points.change = interrupt
    tuning = Tuning.with_headroom(0.08)
    with pytest.raises(KeyboardInterrupt):
        tuning.run(points, task_of(MACHINE), budget_s=600)
    found = tuning.outcome()
    assert found is not None
    assert len(found.results) == 4


def test_nothing_fits(clock: Clock) -> None:
    small = MACHINES["only an offload preset fits"]
    machine = Machine(small.space, presets=small.presets, limit=2.0)
    tuning = Tuning.with_headroom(0.08)
    task = Task(machine.space, VALUES, lambda each: round(machine.peak(each) * (1 << 30)), 1)
    tuning.run(Measuring(machine, clock), task, budget_s=600)
    assert tuning.outcome() is None
    error = tuning.nothing_fits()
    assert "the closest, z3_offload with a batch of 1, needs about 5.5 GiB of 2.0 GiB" in str(error)
    assert error.exit_code == 1


def test_a_budget_that_ends_before_anything_fits(clock: Clock) -> None:
    small = MACHINES["only an offload preset fits"]
    machine = Machine(small.space, presets=small.presets, limit=2.0)
    tuning = Tuning.with_headroom(0.08)
    tuning.run(Measuring(machine, clock), task_of(machine), budget_s=30)
    assert not tuning.complete
    assert "longer --budget" in str(tuning.nothing_fits())

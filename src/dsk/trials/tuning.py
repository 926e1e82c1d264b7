"""The search of `dsk tune`, carried out: points are measured until it ends or the budget does."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from dsk.errors import JobFailed, UserError
from dsk.jobs.launch import image_keys
from dsk.jobs.planning import Request, plan
from dsk.jobs.runtime import Runtime
from dsk.text import Text
from dsk.trials import known
from dsk.trials.point import Points
from dsk.trials.space import Wish, check_tunable, predictor, space_for
from dsk.tune import outcome
from dsk.tune.outcome import Outcome
from dsk.tune.points import Result, Setting, Space
from dsk.tune.search import Log, Predict, search

ENDING_S = 4.0
"""For a point that the budget cuts, to be ended on all nodes."""

Tell = Callable[[Result], None]


class Measures(Protocol):
    world_size: int

    def measure(self, setting: Setting, limit_s: float) -> Result: ...


@dataclass(frozen=True)
class Task:
    """What is searched. `values` is the resolved recipe of the user's own setting."""

    space: Space
    values: Mapping[str, object]
    predict: Predict
    world_size: int


@dataclass
class Tuning:
    """`log` has what is known, also while the search runs: whoever interrupts it takes that.
    `complete`: the search came to its end within the budget. `measured` are the results in their
    order, without those that were known before."""

    log: Log
    task: Task | None = None
    complete: bool = False
    seconds: float = 0.0
    measured: list[Result] = field(default_factory=list)

    @classmethod
    def with_headroom(cls, share: float) -> Tuning:
        return cls(Log(share))

    def run(
        self,
        points: Measures,
        task: Task,
        *,
        budget_s: float,
        earlier: Iterable[Result] = (),
        tell: Tell = lambda _: None,
    ) -> None:
        """`earlier` results are not measured again; `tell` hears of each result. Raises UserError
        where the budget ends before one point is measured or the training is too short, JobFailed
        where it fails with its own settings, and what Points.measure raises."""
        self.task = task
        begun = time.monotonic()
        waiting: dict[Setting, deque[Result]] = {}
        for each in earlier:
            waiting.setdefault(each.setting, deque()).append(each)

        def measured(setting: Setting) -> Result | None:
            """None where the budget has no time for it."""
            if kept := waiting.get(setting):
                return kept.popleft()
            left = budget_s - (time.monotonic() - begun)
            if left < self._expected():
                return None
            result = points.measure(setting, max(1.0, left - ENDING_S))
            self.seconds = time.monotonic() - begun
            if result.outcome == "cut":
                return None
            self.measured.append(result)
            return result

        own = task.space.own
        result = measured(own)
        if result is None:
            raise _too_short(budget_s)
        if result.outcome == "failed":
            raise _own_fails(result)
        outcome.check_length(task.values, own, result.samples, world_size=task.world_size)
        space = task.space.for_data(result.samples, task.world_size)
        steps = search(space, self.log, task.predict)
        next(steps)
        while result is not None:
            tell(result)
            try:
                setting = steps.send(result)
            except StopIteration:
                self.complete = True
                return
            result = measured(setting)

    def outcome(self) -> Outcome | None:
        """None where nothing that fits was measured."""
        if self.task is None:
            return None
        return outcome.outcome(
            self.log,
            self.task.space.own,
            self.task.values,
            world_size=self.task.world_size,
            complete=self.complete,
            seconds=self.seconds,
        )

    def nothing_fits(self) -> JobFailed:
        """Where the search has ended without an outcome."""
        predict = self.task.predict if self.task else lambda _: None
        return outcome.nothing_fits(self.log.all(), predict, complete=self.complete)

    def _expected(self) -> float:
        """Seconds of the next point: the mean of those that were measured, 0 before the first."""
        if not self.measured:
            return 0.0
        return sum(each.seconds for each in self.measured) / len(self.measured)


def tune(
    tuning: Tuning,
    runtime: Runtime,
    request: Request,
    wish: Wish,
    *,
    budget_s: float,
    again: bool,
    tell: Tell,
) -> None:
    """Search, and keep every result for the next search, also where this one is interrupted.
    Raises DskError."""
    keys = image_keys(runtime)
    planned = plan(request, keys, runtime.exists, runtime.read)
    values = planned.recipe.values
    check_tunable(values)
    space = space_for(runtime, request, planned, keys, wish)
    own = space.own
    path = known.place(runtime.cluster, known.fingerprint(runtime, runtime.cluster, planned, own))
    earlier = [] if again else known.read(path)
    task = Task(space, values, predictor(runtime, planned, own), planned.recipe.world_size)
    with Points.open(runtime, request, keys, own) as points:
        try:
            tuning.run(points, task, budget_s=budget_s, earlier=earlier, tell=tell)
        finally:
            if tuning.measured:
                known.keep(path, [*earlier, *tuning.measured])


def _too_short(budget_s: float) -> UserError:
    return UserError(
        Text("the budget of {seconds:.0f} s ended before one setting was measured").filled(
            seconds=budget_s
        ),
        fix=Text("give it more time, as with --budget 10m"),
    )


def _own_fails(result: Result) -> JobFailed:
    return JobFailed(
        Text("the training fails with its own settings: {why}").filled(why=result.why),
        fix=Text("try it by itself (dsk launch), and tune it once it trains"),
    )

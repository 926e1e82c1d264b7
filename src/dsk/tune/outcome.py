"""What a search comes to: the proposal, what it changes and how long the training takes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dsk.errors import JobFailed, UserError
from dsk.text import Language, Text
from dsk.tune import overrides, proposals
from dsk.tune.points import Result, Setting
from dsk.tune.search import Log, Predict

VERSION = 1
FEWEST_STEPS = 4
GIB = 1 << 30


@dataclass(frozen=True)
class Outcome:
    """`own` and `best` are measured, and `best` fits; `values` is the user's resolved recipe.
    `results` are of every setting, in the order of their measurement."""

    own: Result
    best: Result
    results: Sequence[Result]
    values: Mapping[str, object]
    world_size: int
    samples: int
    complete: bool
    seconds: float

    @property
    def changes(self) -> dict[str, object]:
        return overrides.changes(self.best.setting, self.own.setting)

    @property
    def effects(self) -> list[Text]:
        return proposals.effects(
            self.best.setting,
            self.own.setting,
            self.values,
            world_size=self.world_size,
            samples=self.samples,
        )

    @property
    def speed_up(self) -> float | None:
        """None where the user's own setting does not run."""
        own = self.own.samples_per_s
        return self.best.samples_per_s / own if own else None

    def full_run_s(self, result: Result) -> float | None:
        """Of the complete training on as many samples as with the user's own setting, without its
        start, evaluation and checkpoints; None where that is not known."""
        if not result.samples_per_s or not self.samples:
            return None
        batch = _global_batch(self.own.setting, self.world_size)
        return proposals.total_samples(self.values, batch, self.samples) / result.samples_per_s

    def to_raw(self, language: Language) -> dict[str, Any]:
        return {
            "version": VERSION,
            "own": self.own.to_raw(),
            "best": self.best.to_raw(),
            "speed_up": self.speed_up,
            "changes": self.changes,
            "same_optimisation": proposals.same_optimisation(self.best.setting, self.own.setting),
            "effects": [each.in_language(language) for each in self.effects],
            "full_run_s": {
                "own": self.full_run_s(self.own),
                "best": self.full_run_s(self.best),
            },
            "points": [each.to_raw() for each in self.results],
            "complete": self.complete,
            "seconds": self.seconds,
        }


def outcome(
    log: Log,
    own: Setting,
    values: Mapping[str, object],
    *,
    world_size: int,
    complete: bool,
    seconds: float,
) -> Outcome | None:
    """None where nothing that fits was measured."""
    best, mine = log.best(), log.of(own)
    if best is None or mine is None:
        return None
    samples = max(each.samples for each in log.all())
    return Outcome(mine, best, log.all(), values, world_size, samples, complete, seconds)


def check_length(
    values: Mapping[str, object], own: Setting, samples: int, *, world_size: int
) -> None:
    """Raise UserError where the training has so few steps that there is nothing to tune."""
    batch = _global_batch(own, world_size)
    steps = proposals.total_steps(values, batch, samples) if samples else FEWEST_STEPS
    if steps < FEWEST_STEPS:
        raise UserError(
            Text(
                "the training has {steps} optimizer step(s) of {batch} samples ({samples} samples "
                "in the data): too few to tune"
            ).filled(steps=steps, batch=batch, samples=samples),
            fix=Text("lower per_device_train_batch_size or gradient_accumulation_steps"),
        )


def nothing_fits(results: Sequence[Result], predict: Predict, *, complete: bool) -> JobFailed:
    """No setting that was tried has enough memory; `complete`: there is no other to try."""
    said = [_lack(each, predict) for each in results if each.outcome == "memory"]
    lean = min(reversed(said), key=lambda each: each[0], default=None)
    text = Text("no setting that was tried fits into the memory")
    if lean:
        text = Text("no setting that was tried fits into the memory; {closest}").filled(
            closest=lean[1]
        )
    if not complete:
        return JobFailed(
            text,
            fix=Text(
                "begin with a smaller per_device_train_batch_size, or give it a longer --budget"
            ),
        )
    return JobFailed(
        text,
        fix=Text(
            "lower cutoff_len, train less of the model (finetuning_type=lora, quantization_bit=4), "
            "use more GPUs with z3, or allow an offload preset (--presets)"
        ),
    )


def _lack(result: Result, predict: Predict) -> tuple[float, Text]:
    """How near the setting is to fitting, the nearest being the smallest, and that in words."""
    setting = result.setting
    needed = predict(setting)
    values = {
        "preset": setting.variant.preset,
        "batch": setting.micro,
        "limit": f"{result.limit / GIB:.1f}",
    }
    if needed and result.limit and needed > result.limit:
        text = Text(
            "the closest, {preset} with a batch of {batch}, needs about {needed} GiB of {limit} GiB"
        )
        return float(needed), text.filled(needed=f"{needed / GIB:.1f}", **values)
    if not result.limit:
        text = Text("the smallest, {preset} with a batch of {batch}, ran out of it")
    else:
        text = Text("the smallest, {preset} with a batch of {batch}, ran out of {limit} GiB")
    return float("inf"), text.filled(**values)


def _global_batch(setting: Setting, world_size: int) -> int:
    return setting.micro * setting.accumulation * world_size

"""What a proposed setting changes in the optimisation, in words. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

from dsk.text import Text
from dsk.tune.points import Setting

DEFAULT_EPOCHS = 3.0
DEFAULT_RATE = 5e-5
"""transformers' defaults."""

NOTHING = Text(
    "the optimisation stays the same: {batch} samples per optimizer step, as before; results "
    "differ by rounding alone (docs/same-result.md)"
)
BATCH = Text("the global batch changes from {old} to {new} samples per optimizer step")
STEPS = Text("the training has {new} optimizer steps instead of {old}")
SAMPLES = Text(
    "max_steps: {steps} now trains on {factor:.3g} times as many samples; max_steps: {same} trains "
    "on as many as before"
)
RATE = Text(
    "learning_rate {rate:g} was chosen for the old batch: for a larger one people raise it, by the "
    "square root ({root:.2g}) or in proportion ({linear:.2g}), and compare the loss; dsk leaves it"
)
LOWER_RATE = Text(
    "learning_rate {rate:g} was chosen for the old batch: for a smaller one people lower it, to "
    "{root:.2g} or {linear:.2g}, and compare the loss; dsk leaves it"
)
COUNTED = Text("{keys} count optimizer steps: each is now {factor:.3g} times as many samples")
PACKING = Text(
    "packing joins short samples to sequences of cutoff_len: other samples share a step, and "
    "attention sees across their borders unless neat_packing is true; compare the loss"
)
NO_PACKING = Text("without packing other samples share a step; compare the loss")

COUNT_STEPS = ("warmup_steps", "save_steps", "eval_steps", "logging_steps")


def same_optimisation(setting: Setting, own: Setting) -> bool:
    """Whether every optimizer step sees the same samples as with the user's own setting."""
    same_packing = setting.variant.packing == own.variant.packing
    return _per_rank(setting) == _per_rank(own) and same_packing


def effects(
    setting: Setting,
    own: Setting,
    values: Mapping[str, object],
    *,
    world_size: int,
    samples: int,
) -> list[Text]:
    """What changes with `setting` against the user's own, whose resolved recipe is `values`;
    `samples` are in the data."""
    old, new = (_per_rank(each) * world_size for each in (own, setting))
    if same_optimisation(setting, own):
        return [NOTHING.filled(batch=new)]
    found: list[Text] = []
    if old != new:
        found.append(BATCH.filled(old=old, new=new))
        found.append(_steps(old, new, values, samples))
        found.append(_rate(new / old, values))
        if counting := [key for key in COUNT_STEPS if _counts(values.get(key))]:
            found.append(COUNTED.filled(keys=", ".join(counting), factor=new / old))
    if setting.variant.packing != own.variant.packing:
        found.append(PACKING if setting.variant.packing else NO_PACKING)
    return found


def total_samples(values: Mapping[str, object], global_batch: int, samples: int) -> float:
    """Samples that the complete training goes through, with the global batch of its file."""
    if max_steps := _max_steps(values):
        return float(max_steps * global_batch)
    epochs = values.get("num_train_epochs")
    return samples * (float(epochs) if isinstance(epochs, int | float) else DEFAULT_EPOCHS)


def total_steps(values: Mapping[str, object], global_batch: int, samples: int) -> int:
    """Optimizer steps of the complete training."""
    return math.ceil(total_samples(values, global_batch, samples) / global_batch)


def _steps(old: int, new: int, values: Mapping[str, object], samples: int) -> Text:
    if max_steps := _max_steps(values):
        same = max(1, round(max_steps * old / new))
        return SAMPLES.filled(steps=max_steps, factor=new / old, same=same)
    return STEPS.filled(
        old=total_steps(values, old, samples), new=total_steps(values, new, samples)
    )


def _rate(factor: float, values: Mapping[str, object]) -> Text:
    given = values.get("learning_rate")
    rate = float(given) if isinstance(given, int | float) else DEFAULT_RATE
    text = RATE if factor > 1 else LOWER_RATE
    return text.filled(rate=rate, root=rate * math.sqrt(factor), linear=rate * factor)


def _max_steps(values: Mapping[str, object]) -> int:
    """0 where the file counts epochs."""
    steps = values.get("max_steps")
    return steps if isinstance(steps, int) and steps > 0 else 0


def _counts(value: object) -> bool:
    """A whole number of steps; a share of all (0.1) follows their number by itself."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 1


def _per_rank(setting: Setting) -> int:
    return setting.micro * setting.accumulation

"""The same training by every DeepSpeed preset, precision and split of the global batch.

At each step, all runs of one fine-tuning type train on the same four samples. So they have the same
losses and gradient norms up to rounding, whatever the preset, the accumulation and the number of
ranks. The reference is the run without DeepSpeed, with one rank and no accumulation: PyTorch's data
parallelism and `torch.optim.AdamW`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.training.places import gpu_count
from tests.training.runs import Site, answer

SCRIPT = Path(__file__).parent / "inside/forked.py"
STEPS = 6
SAVED_STEP = 3
RUN_LIMIT_S = 240.0
PRESETS = ("none", "z0", "z2", "z2_offload", "z3", "z3_offload")
KINDS = ("full", "lora")
PRECISIONS = ("bf16", "fp32")
SPLITS = ((4, 1, 1), (2, 2, 1), (1, 4, 1), (2, 1, 2), (1, 2, 2))
"""Batch per device, accumulation, ranks: each makes the same global batch of 4 samples."""

ROUNDOFF = {"bf16": 2.0**-8, "fp32": 2.0**-24}
"""The unit roundoff: the largest relative error of rounding one number to that precision."""
LOSS_ROUNDOFFS = {"bf16": 0.25, "fp32": 64}
"""How many roundoffs the losses may differ by, relative to the reference. A loss is the mean over
some 300 tokens, so bf16's errors cancel; the six steps of fp32 add up."""
NORM_ROUNDOFFS = {"bf16": 8, "fp32": 1024}
"""The same for gradient norms, which pass through every layer's backward pass."""

RECIPE: dict[str, Any] = {
    "stage": "sft",
    "do_train": True,
    "dataset": "identity",
    "template": "qwen",
    "cutoff_len": 128,
    "preprocessing_num_workers": 1,
    "max_steps": STEPS,
    "lr_scheduler_type": "constant",
    # Off by default in transformers 4.52: each rank's mean would count the same, however many
    # tokens it has.
    "average_tokens_across_devices": True,
    "logging_steps": 1,
    "save_strategy": "no",
    "report_to": "none",
    "overwrite_output_dir": True,
}
BY_KIND: dict[str, dict[str, Any]] = {
    "full": {"learning_rate": 1.0e-3, "max_grad_norm": 1.0},
    "lora": {"learning_rate": 5.0e-3, "max_grad_norm": 0.2, "lora_target": "all", "lora_rank": 8},
}
"""With the tiny model, every step's gradient norm is above max_grad_norm: clipping always acts."""


@dataclass(frozen=True)
class Case:
    """One training. `preset` is a DeepSpeed preset of LLaMA-Factory, or "none"."""

    preset: str
    kind: str
    precision: str
    batch: int
    accumulation: int
    ranks: int

    @property
    def name(self) -> str:
        split = f"{self.batch}x{self.accumulation}x{self.ranks}"
        return f"{self.preset}-{self.kind}-{self.precision}-{split}"

    @property
    def reference(self) -> Case:
        return Case("none", self.kind, self.precision, *SPLITS[0])


@dataclass(frozen=True)
class Curve:
    """What a run logged at each optimizer step. `error` says why a run failed, which has no curve.

    A gradient norm is None where DeepSpeed does not report it: with z0 in fp32.
    """

    loss: Sequence[float]
    grad_norm: Sequence[float | None]
    error: str | None = None


@dataclass(frozen=True)
class Difference:
    """The largest relative difference between two curves' losses and gradient norms."""

    loss: float
    grad_norm: float

    def within(self, precision: str) -> bool:
        roundoff = ROUNDOFF[precision]
        return (
            self.loss <= LOSS_ROUNDOFFS[precision] * roundoff
            and self.grad_norm <= NORM_ROUNDOFFS[precision] * roundoff
        )


def cases(
    presets: Iterable[str] = PRESETS,
    kinds: Iterable[str] = KINDS,
    precisions: Iterable[str] = PRECISIONS,
    splits: Iterable[tuple[int, int, int]] = SPLITS,
) -> list[Case]:
    """All combinations."""
    return [
        Case(preset, kind, precision, *split)
        for kind in kinds
        for precision in precisions
        for preset in presets
        for split in splits
    ]


def difference(curve: Curve, reference: Curve) -> Difference:
    """Compare two runs that succeeded, step by step. Raises ValueError where one is shorter.

    Losses that were logged with four decimals, as transformers 4 does, differ only where they are
    more than one unit of the last one apart.
    """

    def largest(
        values: Sequence[float | None], wanted: Sequence[float | None], unit: float = 0.0
    ) -> float:
        found = [
            abs(value - right) / abs(right) if abs(value - right) > unit else 0.0
            for value, right in zip(values, wanted, strict=True)
            if value is not None and right is not None
        ]
        # A NaN is no match, whatever it is compared with.
        numbers = all(map(math.isfinite, [*filter(None, values), *filter(None, wanted)]))
        return max(found, default=0.0) if numbers else math.inf

    logged = [*curve.loss, *reference.loss]
    unit = 1.01e-4 if all(loss == round(loss, 4) for loss in logged) else 0.0
    return Difference(
        largest(curve.loss, reference.loss, unit), largest(curve.grad_norm, reference.grad_norm)
    )


def problems(curves: Mapping[Case, Curve]) -> dict[Case, str]:
    """The runs that failed or that differ from their reference by more than rounding."""
    found = {}
    for case, curve in curves.items():
        reference = curves[case.reference]
        if failed := curve.error or reference.error:
            found[case] = failed
            continue
        unreported = None in curve.grad_norm and (case.preset, case.precision) != ("z0", "fp32")
        if len(curve.loss) != STEPS or len(reference.loss) != STEPS or unreported:
            found[case] = f"a step is missing in {curve}"
        elif not (differs := difference(curve, reference)).within(case.precision):
            found[case] = f"{curve} differs from {reference}: {differs}"
    return found


def train(
    site: Site, chosen: Sequence[Case], name: str, *, jobs: int = 1, **keys: Any
) -> dict[Case, Curve]:
    """Train each case and the references that they need, `jobs` at a time.

    `keys` are added to each recipe.
    """
    wanted = dict.fromkeys([*(case.reference for case in chosen), *chosen])
    runs = [_run(case, site, site.folder / name / case.name, keys) for case in wanted]
    curves = _ask(site, name, runs, jobs)
    return {case: curves[case.name] for case in wanted}


def resume(site: Site, chosen: Sequence[Case], name: str) -> dict[Case, tuple[Curve, Curve]]:
    """Train each case in one go, saving at SAVED_STEP, and again from that checkpoint.

    The second curve holds the first one's steps up to the checkpoint: trainer_state.json has them.
    """
    runs, folder = [], site.folder / name
    for case in chosen:
        first = folder / case.name
        saving = {"save_strategy": "steps", "save_steps": SAVED_STEP}
        runs.append(_run(case, site, first, saving) | {"keep": True})
        again = {"resume_from_checkpoint": str(first / f"checkpoint-{SAVED_STEP}")}
        resumed = _run(case, site, folder / f"{case.name}-resumed", again)
        runs.append(resumed | {"name": f"{case.name}-resumed", "after": case.name})
    curves = _ask(site, name, runs, jobs=1)
    return {case: (curves[case.name], curves[f"{case.name}-resumed"]) for case in chosen}


def recipe(case: Case, site: Site, output_dir: Path) -> dict[str, Any]:
    """LLaMA-Factory's arguments for a case."""
    shipped = site.place.llamafactory
    keys: dict[str, Any] = {
        **RECIPE,
        **BY_KIND[case.kind],
        "model_name_or_path": site.model,
        "dataset_dir": str(shipped / "data"),
        "finetuning_type": case.kind,
        "per_device_train_batch_size": case.batch,
        "gradient_accumulation_steps": case.accumulation,
        "output_dir": str(output_dir),
    }
    if case.preset != "none":
        keys["deepspeed"] = str(shipped / f"examples/deepspeed/ds_{case.preset}_config.json")
    if case.precision == "bf16":
        keys["bf16"] = True
        if site.accelerator == "cpu":
            keys["use_cpu"] = True
    if case.kind == "lora":
        keys["adapter_name_or_path"] = str(_adapter(site))
    return keys


def _adapter(site: Site) -> Path:
    """The adapter that all LoRA runs start from.

    A new one would start from random numbers, which depend on what was drawn before them: that
    differs between presets, and is no error.
    """
    return site.folder / "adapter"


def _run(case: Case, site: Site, output_dir: Path, keys: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": case.name,
        "ranks": case.ranks,
        "after": None,
        "keep": False,
        "recipe": {**recipe(case, site, output_dir), **keys},
    }


def _ask(site: Site, name: str, runs: list[dict[str, Any]], jobs: int) -> dict[str, Curve]:
    asked = [*runs]
    if not _adapter(site).exists() and any("adapter_name_or_path" in r["recipe"] for r in runs):
        start = _run(Case("none", "lora", "fp32", *SPLITS[0]), site, _adapter(site), {})
        del start["recipe"]["adapter_name_or_path"]
        first = next(run["recipe"] for run in runs if "adapter_name_or_path" in run["recipe"])
        start["recipe"] |= {"max_steps": 1, "learning_rate": first["learning_rate"]}
        asked = [start | {"name": "adapter", "keep": True}]
        asked += [run | {"after": run["after"] or "adapter"} for run in runs]
    request = site.folder / f"{name}.json"
    gpus = gpu_count() if site.accelerator == "cuda" else None
    wanted = {"jobs": jobs, "limit_s": RUN_LIMIT_S, "gpus": gpus, "runs": asked}
    request.write_text(json.dumps(wanted))
    limit_s = 60 + RUN_LIMIT_S * len(asked)
    done = answer(site.script(SCRIPT, str(request), name=f"{name}-script", limit_s=limit_s))
    return {run["name"]: Curve(**done[run["name"]]) for run in runs}

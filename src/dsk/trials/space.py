"""What there is to try for one training on one cluster, asked of the image and the recipe."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from dsk.errors import UserError
from dsk.jobs.planning import Plan, Request, plan
from dsk.jobs.runtime import Runtime
from dsk.recipe import KnownKeys
from dsk.recipe.memory import estimate_for
from dsk.recipe.presets import short_names
from dsk.recipe.shape import ModelShape, NoEstimate
from dsk.text import Text
from dsk.tune import overrides
from dsk.tune.overrides import ATTENTION, CHECKPOINTING, LIGER, PACKING, WORKERS
from dsk.tune.points import NONE, OWN, Setting, Space
from dsk.tune.search import Predict
from dsk.wire import paths

PRESETS = (NONE, "z0", "z2", "z3", "z2_offload", "z3_offload")
"""In the order in which they are tried."""
OFFLOAD = "_offload"
TRIED_WORKERS = 4
STAGES = ("pt", "sft", "rm", "dpo", "kto")
INSTALLED = """
import importlib.util, json
names = ("liger_kernel", "flash_attn")
print(json.dumps([name for name in names if importlib.util.find_spec(name)]))
"""


Value = TypeVar("Value")


@dataclass(frozen=True)
class Wish:
    """What the user allows. `presets` are short names, empty for all."""

    keep_global_batch: bool = True
    presets: tuple[str, ...] = ()
    allow_packing: bool = False


def check_tunable(values: Mapping[str, object]) -> None:
    """Raise UserError where the resolved recipe is no training that can be measured."""
    if values.get("do_train") is not True:
        raise UserError(
            Text("this file evaluates or predicts; dsk tune measures a training"),
            fix=Text("write do_train: true"),
        )
    if (stage := values.get("stage", "sft")) not in STAGES:
        raise UserError(
            Text("stage: {stage} cannot be measured; these can: {stages}").filled(
                stage=stage, stages=", ".join(STAGES)
            )
        )
    if values.get("streaming"):
        raise UserError(
            Text("streaming: true cannot be measured: the longest samples are not known"),
            fix=Text("add streaming=false max_samples=10000 to the command line"),
        )


def space_for(
    runtime: Runtime, request: Request, planned: Plan, known: KnownKeys, wish: Wish
) -> Space:
    """Raises UserError where a preset of the wish is none, or refused."""
    values = planned.recipe.values
    own = overrides.own_setting(values, known.presets)
    on_gpu = bool(request.cluster.devices.worker_devices)
    installed = _installed(runtime) if on_gpu else []
    variant = own.variant
    foreign = any(values.get(key) for key in ("use_unsloth", "use_unsloth_gc", "use_kt"))

    def axis(key: str, mine: Value, *others: Value) -> tuple[Value, ...]:
        if key not in known.keys or foreign:
            return ()
        return tuple(dict.fromkeys((mine, *others)))

    may_pack = wish.allow_packing and values.get("stage", "sft") == "sft"
    return Space(
        own,
        wish.keep_global_batch,
        presets=_presets(request, runtime, known, own, wish, on_gpu=on_gpu),
        checkpointing=axis(CHECKPOINTING, variant.checkpointing, not variant.checkpointing),
        liger=axis(LIGER, variant.liger, True) if "liger_kernel" in installed else (),
        attention=axis(ATTENTION, variant.attention, "fa2") if "flash_attn" in installed else (),
        workers=axis(WORKERS, variant.workers, TRIED_WORKERS),
        packing=axis(PACKING, variant.packing, True) if may_pack else (),
    )  # fmt: skip


def _installed(runtime: Runtime) -> list[str]:
    found = json.loads(runtime.output_of([str(paths.PYTHON), "-c", INSTALLED]))
    return [str(name) for name in found]


def _presets(
    request: Request,
    runtime: Runtime,
    known: KnownKeys,
    own: Setting,
    wish: Wish,
    *,
    on_gpu: bool,
) -> tuple[str, ...]:
    """The user's own first; without those that this image refuses or trains wrongly."""
    mine = own.variant.preset
    there = (NONE, *short_names(known))
    for name in wish.presets:
        if name not in there:
            raise UserError(
                Text("there is no preset '{name}'").filled(name=name),
                where="--presets",
                fix=Text("name some of {names}").filled(
                    names=", ".join(each for each in PRESETS if each in there)
                ),
            )
    if mine == OWN:
        # A configuration of the user's own says more than a preset could.
        return (OWN,)
    wanted = wish.presets or tuple(
        each for each in PRESETS if each in there and (on_gpu or not each.endswith(OFFLOAD))
    )
    tried = [
        each for each in wanted if each != mine and _accepted(request, runtime, known, own, each)
    ]
    return (mine, *tried)


def _accepted(
    request: Request, runtime: Runtime, known: KnownKeys, own: Setting, preset: str
) -> bool:
    """With every accumulation that may come: some presets train wrongly from 3 on."""
    setting = Setting(
        replace(own.variant, preset=preset), 1, max(own.micro * own.accumulation, own.accumulation)
    )
    words = overrides.words(overrides.changes(setting, own))
    asked = replace(request, overrides=(*request.overrides, *words))
    try:
        plan(asked, known, runtime.exists, runtime.read)
    except UserError:
        return False
    return True


def predictor(runtime: Runtime, planned: Plan, own: Setting) -> Predict:
    """Of the memory model, where it knows the model and the recipe, on GPUs."""
    recipe = planned.recipe
    shape = _shape(runtime, str(recipe.values["model_name_or_path"]))

    def predict(setting: Setting) -> int | None:
        if shape is None:
            return None
        values = {**recipe.values, **overrides.changes(setting, own)}
        try:
            return estimate_for(values, shape, world_size=recipe.world_size).peak
        except NoEstimate:
            return None

    return predict


def _shape(runtime: Runtime, model: str) -> ModelShape | None:
    if not runtime.cluster.devices.worker_devices or not posixpath.isabs(model):
        return None
    try:
        return ModelShape.from_config(json.loads(runtime.read(f"{model}/config.json") or ""))
    except (ValueError, AttributeError):  # NoEstimate is a ValueError
        return None


def presets_of(text: str | None) -> tuple[str, ...]:
    """Of `z2,z3`."""
    names: Sequence[str] = (text or "").split(",")
    return tuple(name.strip() for name in names if name.strip())

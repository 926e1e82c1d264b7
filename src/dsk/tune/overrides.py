"""A setting in LLaMA-Factory's keys. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from dsk.recipe.batch import DEFAULT_ACCUMULATION, DEFAULT_MICRO
from dsk.recipe.presets import short_name
from dsk.tune.points import NONE, OWN, Setting, Variant

BATCH = "per_device_train_batch_size"
ACCUMULATION = "gradient_accumulation_steps"
PRESET = "deepspeed"
CHECKPOINTING = "disable_gradient_checkpointing"
LIGER = "enable_liger_kernel"
ATTENTION = "flash_attn"
WORKERS = "dataloader_num_workers"
PACKING = "packing"
SEARCHED = (BATCH, ACCUMULATION, PRESET, CHECKPOINTING, LIGER, ATTENTION, WORKERS, PACKING)


def changes(setting: Setting, own: Setting) -> dict[str, object]:
    """The keys whose values differ from the user's, and those values; None where the key is to go
    (`deepspeed`, for plain data parallel)."""
    new, old = setting.variant, own.variant
    found: dict[str, object] = {}
    if setting.micro != own.micro:
        found[BATCH] = setting.micro
    if setting.accumulation != own.accumulation:
        found[ACCUMULATION] = setting.accumulation
    if new.preset != old.preset:
        found[PRESET] = None if new.preset == NONE else new.preset
    if new.checkpointing != old.checkpointing:
        found[CHECKPOINTING] = not new.checkpointing
    if new.liger != old.liger:
        found[LIGER] = new.liger
    if new.attention != old.attention:
        found[ATTENTION] = new.attention
    if new.workers != old.workers:
        found[WORKERS] = new.workers
    if new.packing != old.packing:
        found[PACKING] = new.packing
    return found


def words(changed: Mapping[str, object]) -> tuple[str, ...]:
    """As overrides on the command line."""
    return tuple(f"{key}={_yaml(value)}" for key, value in changed.items())


def own_setting(values: Mapping[str, object], known_presets: tuple[str, ...]) -> Setting:
    """The user's, of a resolved recipe; `known_presets` are file names of the stack."""
    packing = values.get(PACKING)
    return Setting(
        Variant(
            _preset(values.get(PRESET), known_presets),
            checkpointing=not values.get(CHECKPOINTING, False),
            liger=bool(values.get(LIGER, False)),
            attention=str(values.get(ATTENTION) or ""),
            workers=_number(values.get(WORKERS), 0),
            # LLaMA-Factory's default (hparams/parser.py).
            packing=values.get("stage") == "pt" if packing is None else bool(packing),
        ),
        _number(values.get(BATCH), DEFAULT_MICRO),
        _number(values.get(ACCUMULATION), DEFAULT_ACCUMULATION),
    )


def _preset(value: object, known_presets: tuple[str, ...]) -> str:
    if value is None or value is False:
        return NONE
    if isinstance(value, str) and value.rpartition("/")[2] in known_presets:
        return short_name(value)
    return OWN


def _number(value: object, default: int) -> int:
    return value if isinstance(value, int) else default


def _yaml(value: object) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)

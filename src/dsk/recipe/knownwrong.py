"""Refuse a recipe that the stack is known to train wrongly (stacks/NAME/known-wrong.yaml)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from dsk.recipe.batch import DEFAULT_ACCUMULATION
from dsk.recipe.draft import Draft
from dsk.recipe.model import KnownWrong
from dsk.recipe.paths import inside
from dsk.text import Text

_PREFIX, _SUFFIX = "ds_", "_config.json"


def refuse_known_wrong(draft: Draft, known: Iterable[KnownWrong]) -> None:
    """Raise UserError where the recipe matches an entry. To be called after the preset resolved.

    Where a DeepSpeed JSON in the workspace cannot be read, a notice names what it must not be.
    """
    preset = _preset(draft)
    accumulation = draft.get("gradient_accumulation_steps") or DEFAULT_ACCUMULATION
    for entry in known:
        if entry.precisions and _precision(draft) not in entry.precisions:
            continue
        if isinstance(accumulation, int) and accumulation < entry.min_accumulation:
            continue
        if preset is None:
            draft.notice(
                f"deepspeed: this image trains wrongly with a configuration like"
                f" {' or '.join(entry.presets)} ({entry.source}); whether your file is one was not"
                f" checked"
            )
        elif not entry.presets or preset in entry.presets:
            raise draft.error(
                "deepspeed",
                Text("{problem} ({source})", "{problem}（{source}）").filled(
                    problem=entry.problem, source=entry.source
                ),
                fix=entry.fix,
            )


def _precision(draft: Draft) -> str:
    if draft.get("bf16") is True or draft.get("pure_bf16") is True:
        return "bf16"
    return "fp16" if draft.get("fp16") is True else "fp32"


def _preset(draft: Draft) -> str | None:
    """The preset that the `deepspeed` key amounts to, "none" without DeepSpeed; None: unknown."""
    value = draft.get("deepspeed")
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return _of_configuration(value)
    text = str(value)
    if inside(text, draft.site.shipped_dir):
        return text.rpartition("/")[2].removeprefix(_PREFIX).removesuffix(_SUFFIX)
    if not text.lstrip().startswith("{"):
        text = draft.site.read(text) or "" if draft.site.read is not None else ""
    try:
        configuration = json.loads(text)
    except ValueError:
        return None  # judge_deepspeed refuses what is no JSON; a file may be out of reach
    return _of_configuration(configuration) if isinstance(configuration, Mapping) else None


def _of_configuration(configuration: Mapping[str, object]) -> str | None:
    zero = configuration.get("zero_optimization")
    if not isinstance(zero, Mapping):
        return "z0"
    offload = zero.get("offload_optimizer")
    on_cpu = isinstance(offload, Mapping) and offload.get("device") == "cpu"
    return f"z{zero.get('stage', 0)}{'_offload' if on_cpu else ''}"

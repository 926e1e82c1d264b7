"""Refuse a recipe that the stack is known to train wrongly (stacks/NAME/known-wrong.yaml)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dsk.recipe.batch import DEFAULT_ACCUMULATION
from dsk.recipe.draft import Draft
from dsk.recipe.model import KnownWrong
from dsk.recipe.paths import inside
from dsk.recipe.presets import short_name
from dsk.text import Text, alternatives, verbatim


def refuse_known_wrong(
    draft: Draft, known: Iterable[KnownWrong], configuration: Mapping[str, object] | None
) -> None:
    """Raise UserError where the recipe matches an entry. To be called after the preset resolved.

    `configuration` is the user's own, None where it is a preset or cannot be read from here; a
    notice then names what a file of the user's own must not be.
    """
    preset = _preset(draft, configuration)
    accumulation = draft.get("gradient_accumulation_steps") or DEFAULT_ACCUMULATION
    for entry in known:
        if entry.precisions and _precision(draft) not in entry.precisions:
            continue
        if isinstance(accumulation, int) and accumulation < entry.min_accumulation:
            continue
        if preset is None:
            notice = Text(
                "deepspeed: this image trains wrongly with a configuration like {presets} "
                "({source}); whether your file is one was not checked"
            )
            presets = alternatives(map(verbatim, entry.presets))
            draft.notice(notice.filled(presets=presets, source=entry.source))
        elif not entry.presets or preset in entry.presets:
            raise draft.error(
                "deepspeed",
                Text("{problem} ({source})").filled(problem=entry.problem, source=entry.source),
                fix=entry.fix,
            )


def _precision(draft: Draft) -> str:
    if draft.get("bf16") is True or draft.get("pure_bf16") is True:
        return "bf16"
    return "fp16" if draft.get("fp16") is True else "fp32"


def _preset(draft: Draft, configuration: Mapping[str, object] | None) -> str | None:
    """The preset that the `deepspeed` key amounts to, "none" without DeepSpeed; None: unknown."""
    value = draft.get("deepspeed")
    if value is None:
        return "none"
    if configuration is not None:
        return _of_configuration(configuration)
    return short_name(str(value)) if inside(str(value), draft.site.shipped_dir) else None


def _of_configuration(configuration: Mapping[str, object]) -> str | None:
    zero = configuration.get("zero_optimization")
    if not isinstance(zero, Mapping):
        return "z0"
    offload = zero.get("offload_optimizer")
    on_cpu = isinstance(offload, Mapping) and offload.get("device") == "cpu"
    return f"z{zero.get('stage', 0)}{'_offload' if on_cpu else ''}"

"""Settings that do not go together with restarts after a failure."""

from __future__ import annotations

from dsk.recipe.draft import Draft
from dsk.text import Text

_SAVE_STEPS = 500
"""The default of transformers."""
_WITHOUT = Text("or launch with --max-restarts 0")


def check_restarts(draft: Draft) -> None:
    """Raise UserError where no restart could go on with a checkpoint; say where there is none."""
    if not draft.site.restarts:
        return
    if draft.get("save_only_model") is True:
        raise draft.error(
            "save_only_model",
            Text(
                "restarts are on, and no restart can resume from checkpoints without the"
                " optimizer's state"
            ),
            fix=Text("write save_only_model: false, {other}").filled(other=_WITHOUT),
        )
    stage = draft.get("stage")
    if stage in ("ppo", "rm"):
        raise draft.error(
            "stage",
            Text(
                "restarts are on, and LLaMA-Factory does not resume a training of stage {stage}"
            ).filled(stage=stage),
            fix=Text("launch with --max-restarts 0"),
        )
    if draft.get("fsdp"):
        raise draft.error(
            "fsdp",
            Text("restarts are on, and dsk cannot tell whether a checkpoint of FSDP is complete"),
            fix=Text("use deepspeed, {other}").filled(other=_WITHOUT),
        )
    if not draft.site.save_auto:
        _say_if_nothing_is_saved(draft)


def _say_if_nothing_is_saved(draft: Draft) -> None:
    strategy, steps = draft.get("save_strategy"), draft.get("max_steps")
    every = draft.get("save_steps") or _SAVE_STEPS
    if strategy == "no":
        draft.notice(
            Text("save_strategy: no, so a restart after a failure begins with the first step")
        )
    elif (
        strategy in (None, "steps")
        and isinstance(steps, int)
        and isinstance(every, int | float)
        and 0 < steps <= every
    ):
        text = Text(
            "save_steps: {every} is not less than max_steps: {steps}, so a restart after a failure"
            " begins with the first step"
        )
        draft.notice(text.filled(every=every, steps=steps))
